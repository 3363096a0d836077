"""From a name to what enlarges: interpolation, our weights, the community's, ONNX."""

import sys
from math import ceil
from pathlib import Path

import torch
import torch.nn as nn
from torch import Tensor

from sr.errors import UserError
from sr.weights import community, onnx, torchscript
from sr.weights import store as weights
from sr.weights.model import Model
from sr.weights.reading import is_script

from .enlarger import Enlarger
from .interpolate import INTERPOLATIONS

SUFFIXES = (".safetensors", ".ckpt", ".pth", ".pt", ".onnx", ".torchscript")
DEFAULT_SCALE = 4  # where nothing says another
AUTO = "auto"  # no model, but a look at each photo: see sr.inference.auto
CLEAN, REAL, LOOKS = "fast", "real", "srgan"  # families of bundled models, of which there may be one a scale
PURPOSES = {
    AUTO: "looks at each photo, takes one of the first two below, and says which and why",
    CLEAN: "clean, sharp pictures that are too small; invents least, so for scans, plates and measuring too",
    REAL: "photos as phones, messengers and websites leave them: noise, blur, JPEG blocks are taken away",
    LOOKS: "clean pictures, for looks: crisp texture, part of which is invented",
}


def load(
    model: str | Path,
    scale: int | None = None,
    device: torch.device | str = "cpu",
    tile: int | str = "auto",
    halo: int | str = "auto",
) -> Enlarger:
    """The enlarger that `model` names.

    Args:
        model: bicubic, bilinear, nearest or lanczos; the folder of a run; our .safetensors; a checkpoint of a run;
            weights of another project (.pth, .safetensors; needs spandrel); a program of TorchScript's; an .onnx file
            (needs onnxruntime).
        scale: that is needed; None takes that of the model, and 4 for interpolation.
        device: where to compute.
        tile, halo: as in `Enlarger`.

    Raises:
        UserError: in one sentence: no such file, a package that is missing, weights that cannot be used, another scale.
    """
    device = torch.device(device)
    if tile != "auto" and not (isinstance(tile, int) and tile >= 0):
        raise UserError(f"tile={tile}: the side of a tile in LR pixels, 0 or auto is needed")
    if halo not in ("auto", "exact") and not (isinstance(halo, int) and halo >= 0):
        raise UserError(f"halo={halo}: LR pixels around a tile, exact or auto is needed")
    if str(model) in INTERPOLATIONS:
        by, interpolate = scale or DEFAULT_SCALE, INTERPOLATIONS[str(model)]
        return Enlarger(str(model), by, None, lambda lr: interpolate(lr, by), device, tile=tile, halo=halo)
    if str(model) == AUTO:
        raise UserError(f"{AUTO}: looks at each photo to choose a model, in sr.upscale, on the page and in sr.enlarge; "
                        f"name a model here: {', '.join(weights.bundled())}")  # fmt: skip
    path = weights.find(model, INTERPOLATIONS)
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{model}: not a model; give the folder of a run or a weights file ({', '.join(SUFFIXES)})")
    found = _of_file(path, device)
    if scale is not None and found.scale != scale:
        raise UserError(f"{model}: enlarges by {found.scale}, scale={scale} is asked for")
    found.tile, found.halo = tile, halo
    return found


def load_for(
    model: str | Path,
    factor: float,
    device: torch.device | str = "cpu",
    tile: int | str = "auto",
    halo: int | str = "auto",
) -> Enlarger:
    """As `load`, for results `factor` times as large: what the model makes is resized to that afterwards.

    Interpolation enlarges by the next whole number, a network by its own scale.
    """
    return load(model, ceil(factor) if str(model) in INTERPOLATIONS else None, device, tile, halo)


def default(factor: float) -> str:
    """The bundled model for clean pictures, which is taken where none is named."""
    return str(of_family(CLEAN, factor))


def of_family(family: str, factor: float) -> str | None:
    """The bundled model of a family whose scale is the next at or above `factor`, or the largest; None without any."""
    scales = {scale_of(name): name for name in weights.bundled() if name.startswith(f"{family}_x")}
    return scales[min((s for s in scales if s >= factor), default=max(scales))] if scales else None


def for_denoising(factor: float) -> list[str]:
    """Two bundled models of one shape, for clean pictures and for damaged ones, between which can be mixed.

    Raises:
        UserError: none for damaged ones is bundled.
    """
    real = of_family(REAL, factor)
    if real is None:
        raise UserError(f"no model {REAL}_x{ceil(factor)} is bundled, so there is nothing that takes noise away")
    return [f"{CLEAN}_x{scale_of(real)}", real]


def scale_of(name: str) -> int:
    """Of a bundled model."""
    return int(name.rpartition("_x")[2])


def purposes() -> dict[str, str]:
    """Which model to take for what: auto, and the families that are bundled, each with its use."""
    there = {name.rpartition("_x")[0] for name in weights.bundled()}
    return {AUTO: PURPOSES[AUTO]} | {f"{family}_x...": told for family, told in PURPOSES.items() if family in there}


def listing() -> str:
    """The bundled models, a line each, and which to take for what."""
    lines = []
    for name, file in weights.bundled().items():
        generator, about = weights.load(file)
        count = sum(p.numel() for p in generator.parameters()) / 1e6
        size = f"x{about['scale']}, {about['channels']} channels, {count:.2f} M parameters"
        lines.append(f"{name}\t{size}\t{about.get('summary', '')}")
    return "\n".join([*lines, "", *(f"{name}\t{told}" for name, told in purposes().items())])


def blend(first: Enlarger, second: Enlarger, weight: float) -> Enlarger:
    """One network between two: (1 - weight) of the first's weights, `weight` of the second's (ESRGAN, section 3.4).

    Both are changed, and are not to be used afterwards.

    Raises:
        UserError: their weights differ in shape, or they were trained for different ranges.
    """
    a, b = first.network, second.network
    if a is None or b is None:
        raise UserError(f"{(first if a is None else second).name}: no PyTorch network, so it has no weights to blend")
    states = a.state_dict(), b.state_dict()
    shapes = [{key: value.shape for key, value in state.items()} for state in states]
    if shapes[0] != shapes[1] or first.scale != second.scale:
        raise UserError(f"{first.name} and {second.name}: networks of different shape, whose weights cannot be blended")
    if first.range != second.range:
        raise UserError(f"{first.name} and {second.name}: trained for values of {first.range} and of {second.range}")
    mixed = {
        key: value.lerp(states[1][key], weight) if value.is_floating_point() else value
        for key, value in states[0].items()
    }
    a.load_state_dict(mixed)
    first.name = f"{first.name}+{second.name}@{weight:g}"
    return first


def choose_device(wanted: str, rank: int = 0) -> torch.device:
    """The device that a command asks for; `auto` is the GPU of number `rank` where there is one.

    Raises:
        UserError: this machine has no such device.
    """
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        found = torch.device(f"cuda:{rank}" if wanted == "cuda" else wanted)
        if found.type not in ("cpu", "cuda"):  # scores and means are computed in float64
            raise RuntimeError(wanted)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device {wanted}: this machine has none; cpu, cuda or cuda:N are possible") from error
    return found


def of_generator(name: str, generator: nn.Module, scale: int, channels: int, device: torch.device) -> Enlarger:
    """An enlarger of one of our networks, moved to `device`."""
    generator = generator.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    count = sum(p.numel() for p in generator.parameters())

    def run(lr: Tensor) -> Tensor:
        return generator(lr.contiguous(memory_format=torch.channels_last))

    bounded = bool(getattr(generator, "bounded", True))  # only a network of spandrel's says that it may not be
    return Enlarger(name, scale, channels, run, device, count, bounded=bounded, network=generator)


def _of_file(path: Path, device: torch.device) -> Enlarger:
    if weights.is_for_load(path):
        generator, about = weights.load(path)
        found = of_generator(path.stem, generator, about["scale"], about["channels"], device)
        found.range = weights.trained_range(path, about)
        return found
    model = _of_others(path, device)
    if model.note:
        print(f"{path.stem}: {model.note}", file=sys.stderr)
    return Enlarger(path.stem, model.scale, model.channels, model.run, device, model.parameters,
                    bounded=model.bounded, network=model.network, range=model.range)  # fmt: skip


def _of_others(path: Path, device: torch.device) -> Model:
    if path.suffix.lower() == ".onnx":
        return onnx.load(path, device)
    if not is_script(path):
        return community.load(path, device)
    try:  # whose tiles are exact, and which takes halves
        return community.load(path, device)
    except UserError:
        return torchscript.load(path, device)
