"""AlexNet (Krizhevsky 2014, arXiv 1404.5997): of LPIPS (alex) and ST-LPIPS."""

from pathlib import Path

from .features import Backbone, Layers
from .pretrained import from_stlpips, from_torchvision

# torchvision's ImageNet weights, BSD-3
ALEXNET_URL = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"


def alexnet() -> Backbone:
    """AlexNet made shift tolerant (stride 1, blur instead), as ST-LPIPS uses it. Offline."""
    layers: Layers = [
        ("conv1", ("conv", 1, 2)), ("blur1", ("blur",)), ("relu1", ("relu",)),
        ("pool1", ("pool", 3, 1)), ("pool1_blur", ("blur",)),
        ("conv2", ("conv", 1, 2)), ("relu2", ("relu",)),
        ("pool2", ("pool", 3, 1)), ("pool2_blur", ("blur",)),
        ("conv3", ("conv", 1, 1)), ("relu3", ("relu",)),
        ("conv4", ("conv", 1, 1)), ("relu4", ("relu",)),
        ("conv5", ("conv", 1, 1)), ("relu5", ("relu",)),
    ]  # fmt: skip
    return from_stlpips("alex", layers)


def imagenet_alexnet(weights: str | Path | None = None, url: str | None = None, option: str = "") -> Backbone:
    """AlexNet with torchvision's ImageNet weights: the network of LPIPS (alex). Arguments as in `imagenet_vgg16`."""
    layers: Layers = []
    for i, (stride, padding) in enumerate(((4, 2), (1, 2), (1, 1), (1, 1), (1, 1)), 1):
        layers += [(f"conv{i}", ("conv", stride, padding)), (f"relu{i}", ("relu",))]
        if i < 3:
            layers.append((f"pool{i}", ("pool", 3, 2)))
    return from_torchvision("AlexNet", layers, weights, url or ALEXNET_URL, option)
