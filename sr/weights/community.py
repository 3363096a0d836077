"""Weights of other projects: any architecture that spandrel knows."""

from pathlib import Path
from typing import Any

import torch

from sr.errors import MissingError, optional, reason
from sr.generators.spandrel import Spandrel, built_with

from .model import Model
from .store import UnusableWeights


def load(path: Path, device: torch.device) -> Model:
    """The network of a `.pth`, `.pt`, `.ckpt` or `.safetensors`, in eval mode on `device`.

    spandrel unpickles tensors alone, and TorchScript runs no Python.

    Raises:
        MissingError: spandrel is not installed.
        UnusableWeights: it knows no such network, or the network makes something else than an image of an image.
    """
    model = _descriptor(path, device)
    model.eval()
    count = sum(p.numel() for p in model.model.parameters())
    bounded = model.tiling.name == "SUPPORTED"  # attention in windows would be shifted by tiles
    return Model(model, model.scale, model.input_channels, count, bounded, model.model)


def as_generator(path: Path) -> tuple[Spandrel, dict[str, Any]]:
    """The network of such a file as one of our generators, in eval mode, and what the header of our weights would say.

    Raises:
        MissingError: spandrel is not installed.
        UnusableWeights: as `load` says, or it was built with what no header can hold.
    """
    model = _descriptor(path, torch.device("cpu"))
    arguments = built_with(model.model) | {"scale": model.scale, "channels": model.input_channels}
    try:
        generator = Spandrel(**arguments)
        generator.load_state_dict(model.model.state_dict())
    except (ValueError, RuntimeError) as error:
        raise UnusableWeights(
            f"{path}: its {model.architecture.name} cannot be built anew ({reason(error)})"
        ) from error
    about = {"generator": "Spandrel", "arguments": arguments, "scale": model.scale, "channels": model.input_channels}
    return generator.eval().requires_grad_(False), about


def who_opens(path: Path) -> str:
    """Whether spandrel, and so what uses it, opens a file; in words."""
    try:
        return f"spandrel opens it as {_descriptor(path, torch.device('cpu')).architecture.name}"
    except MissingError:
        return "spandrel, which would say who else opens it, is not installed"
    except UnusableWeights:
        return "spandrel does not know this network, so other tools may not open it"


def _descriptor(path: Path, device: torch.device) -> Any:
    spandrel = optional("spandrel", f"{path}: weights of another project need spandrel", "community")
    try:
        model = spandrel.ModelLoader(device=device).load_from_file(path)
    except Exception as error:  # spandrel's own kinds, pickle's, torch's
        raise UnusableWeights(f"{path}: no network that spandrel knows ({reason(error)})") from error
    if not isinstance(model, spandrel.ImageModelDescriptor) or model.input_channels != model.output_channels:
        raise UnusableWeights(f"{path}: a {model.architecture.name} makes no image of one image")
    return model
