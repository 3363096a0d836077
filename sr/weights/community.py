"""Weights of other projects: any architecture that spandrel knows."""

from pathlib import Path
from typing import Any

import torch

from sr.errors import MissingError, optional, reason
from sr.generators.spandrel import Spandrel, built_with, registry

from .building import within
from .model import Model, tried
from .reading import UnusableWeights, sound
from .states import possible


def load(path: Path, device: torch.device) -> Model:
    """The network of a `.pth`, `.pt`, `.ckpt` or `.safetensors`, in eval mode on `device`.

    Raises:
        MissingError: spandrel is not installed.
        UnusableWeights: it knows no such network, or the network makes something else than an image of an image.
    """
    model = _descriptor(path)
    model.eval().to(device)

    def run(lr: torch.Tensor) -> torch.Tensor:
        return model(lr.clone())  # some write into what they are given

    scale = tried(path, run, model.input_channels, device)
    count = sum(p.numel() for p in model.model.parameters())
    bounded = model.tiling.name == "SUPPORTED"  # attention in windows would be shifted by tiles
    return Model(run, scale, model.input_channels, count, bounded, model.model)


def as_generator(path: Path) -> tuple[Spandrel, dict[str, Any]]:
    """The network of such a file as one of our generators, in eval mode, and what the header of our weights would say.

    Raises:
        MissingError: spandrel is not installed.
        UnusableWeights: as `load` says, or it was built with what no header can hold.
    """
    model = _descriptor(path)
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
        return f"spandrel opens it as {_descriptor(path).architecture.name}"
    except MissingError:
        return "spandrel, which would say who else opens it, is not installed"
    except UnusableWeights:
        return "spandrel does not know this network, so other tools may not open it"


def _descriptor(path: Path) -> Any:
    """The network and what spandrel says of it, on the CPU."""
    spandrel = optional("spandrel", f"{path}: weights of another project need spandrel", "community")
    known, failed, model = registry(spandrel), None, None
    for state in possible(path):
        try:
            sound(state)
            with within(state):
                model = known.load(dict(state))
            break
        except spandrel.UnsupportedModelError:
            continue
        except Exception as error:  # whatever a stranger's constructor makes of it
            failed = failed or error
    if model is None:
        names = ", ".join(list(state)[:2])
        why = reason(failed) if failed else f"its tensors are called {names} ..."
        raise UnusableWeights(f"{path}: no network that spandrel knows ({why})") from failed
    name = model.architecture.name
    if not isinstance(model, spandrel.ImageModelDescriptor):
        raise UnusableWeights(f"{path}: {name} takes a mask beside its image; a network of one image is needed")
    if model.input_channels != model.output_channels:
        raise UnusableWeights(f"{path}: this {name} makes {model.output_channels} channels of {model.input_channels}; "
                              "a network that makes as many as it takes is needed")  # fmt: skip
    return model
