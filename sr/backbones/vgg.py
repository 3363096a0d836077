"""VGG (Simonyan & Zisserman 2015, arXiv 1409.1556): of the perceptual losses, of LPIPS (vgg), DISTS and ST-LPIPS."""

from pathlib import Path

from .features import Backbone, Layers
from .pretrained import from_stlpips, from_torchvision

# torchvision's ImageNet weights, BSD-3
VGG19_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
VGG16_URL = "https://download.pytorch.org/models/vgg16-397923af.pth"


def vgg16() -> Backbone:
    """VGG-16 whose pooling is shift tolerant (max at stride 1, then blur), fine-tuned for ST-LPIPS. Offline."""
    return from_stlpips("vgg", vgg_layers([2, 2, 3, 3, 3], [("pool", ("pool", 2, 1)), ("blur", ("blur",))]))


def vgg19(weights: str | Path | None = None, url: str = VGG19_URL) -> Backbone:
    """VGG-19 with torchvision's ImageNet weights, the network of the SRGAN and ESRGAN papers.

    Args:
        weights: a file already at hand; otherwise the weights are fetched once (548 MB), checked against the
            SHA-256 prefix in their name, and kept in torch's hub cache.
        url: where from.

    Raises:
        MissingError: neither a file nor the network.
    """
    layers = vgg_layers([2, 2, 4, 4, 4], [("pool", ("pool", 2, 2))])
    advice = "losses.backbone.weights=FILE, or take the offline network with losses/backbone=vgg16"
    return from_torchvision("VGG-19", layers, weights, url, advice)


def imagenet_vgg16(weights: str | Path | None = None, url: str | None = None, option: str = "", pool: str = "pool"
                   ) -> Backbone:  # fmt: skip
    """VGG-16 with torchvision's ImageNet weights: the network of LPIPS (vgg) and DISTS.

    Args:
        weights, url: as in `vgg19`.
        option: by which the user names a file, for the message.
        pool: pool as published, or l2pool as DISTS has it.

    Raises:
        MissingError: neither a file nor the network.
    """
    layers = vgg_layers([2, 2, 3, 3, 3], [("pool", ("pool", 2, 2) if pool == "pool" else (pool,))])
    return from_torchvision("VGG-16", layers, weights, url or VGG16_URL, option)


def vgg_layers(convs_per_stage: list[int], pool: Layers) -> Layers:
    """`conv1_1 relu1_1 conv1_2 ... relu5_3`, with the operations of `pool` between stages, numbered by the stage."""
    layers: Layers = []
    for stage, convs in enumerate(convs_per_stage, 1):
        if stage > 1:
            layers += [(f"{name}{stage - 1}", operation) for name, operation in pool]
        for i in range(1, convs + 1):
            layers += [(f"conv{stage}_{i}", ("conv", 1, 1)), (f"relu{stage}_{i}", ("relu",))]
    return layers
