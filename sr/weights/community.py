"""Weights of other projects: any architecture that spandrel knows."""

from pathlib import Path

import torch

from sr.errors import optional, reason

from .model import Model
from .store import UnusableWeights


def load(path: Path, device: torch.device) -> Model:
    """The network of a `.pth`, `.pt`, `.ckpt` or `.safetensors`, in eval mode on `device`.

    spandrel unpickles tensors alone, and TorchScript runs no Python.

    Raises:
        MissingError: spandrel is not installed.
        UnusableWeights: it knows no such network, or the network makes something else than an image of an image.
    """
    spandrel = optional("spandrel", f"{path}: weights of another project need spandrel", "community")
    try:
        model = spandrel.ModelLoader(device=device).load_from_file(path)
    except Exception as error:  # spandrel's own kinds, pickle's, torch's
        raise UnusableWeights(f"{path}: no network that spandrel knows ({reason(error)})") from error
    if not isinstance(model, spandrel.ImageModelDescriptor) or model.input_channels != model.output_channels:
        raise UnusableWeights(f"{path}: a {model.architecture.name} makes no image of one image")
    model.eval()
    count = sum(p.numel() for p in model.model.parameters())
    bounded = model.tiling is spandrel.ModelTiling.SUPPORTED  # attention in windows would be shifted by tiles
    return Model(model, model.scale, model.input_channels, count, bounded, model.model)
