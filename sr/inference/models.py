"""Whatever enlarges images, under one roof: interpolation, our weights, the community's, ONNX."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from sr.errors import MissingError, UserError, optional, reason
from sr.image.range import Range
from sr.image.resize import imresize
from sr.weights import store as weights

from .memory import give_back
from .tiles import GRID_PX, OVERLAP_PX, SMALLEST_TILE_PX, bytes_per_pixel, reach_px, tile_that_fits, tiled

INTERPOLATIONS = ("bicubic", "bilinear", "nearest", "lanczos")
SUFFIXES = (".safetensors", ".ckpt", ".pth", ".pt", ".onnx")
HALVES = {"fp16": torch.float16, "bf16": torch.bfloat16}
PRECISIONS = ("auto", "fp32", *HALVES)
SURELY_FITS_PX = 256**2  # images that are enlarged whole without asking for the free memory


@dataclass
class Enlarger:
    """Something that enlarges images.

    Args:
        name: for tables.
        scale: by which it enlarges.
        channels: that it needs; None takes any number.
        run: lr (N C H W in [0, 1], float32, on `device`) to sr (N C sH sW).
        device: where it computes.
        parameters: how many it has learnt; None where that is not known.
        tile: side of the tiles in LR pixels, 0 for whole images, or auto: whole where the memory suffices.
        opaque: it looks at all of the image, or nobody knows: its tiles fade into each other and are not exact.
        progress: show a bar over the tiles.
        precision: fp32, fp16, bf16, or auto: fp16 on a GPU. A half that gives values that are no numbers is given up.
        network: behind `run`, where there is one.
        range: the values that it was trained to see as 0 and 1; None for each file's own.
    """

    name: str
    scale: int
    channels: int | None
    run: Callable[[Tensor], Tensor]
    device: torch.device
    parameters: int | None = 0
    tile: int | str = "auto"
    opaque: bool = False
    progress: bool = False
    precision: str = "fp32"
    network: nn.Module | None = None
    range: Range | None = None

    @cached_property
    def reach_px(self) -> int | None:
        return None if self.opaque else reach_px(self.run, self.channels or 1, self.device)

    @property
    def halo_px(self) -> int:
        """What a tile has to show around it."""
        if self.reach_px is not None:
            return self.reach_px
        self._say("tiles", "sees too far (all of the image, or over 1000 pixels) for tiles to be exact; they overlap")
        return OVERLAP_PX

    @cached_property
    def bytes_per_pixel(self) -> float:
        return bytes_per_pixel(self.run, self.channels or 3, self.device)

    @torch.inference_mode()
    def __call__(self, lr: Tensor) -> Tensor:
        """N C H W in [0, 1] to N C sH sW, whole or in tiles, with the same result.

        Raises:
            UserError: not enough memory for the smallest tile.
        """
        lr = lr.to(self.device)
        tile = self._tile(lr)
        while True:
            try:
                if not tile:
                    return self._run(lr)
                exact = self.reach_px is not None
                return tiled(self._run, lr, self.scale, tile, self.halo_px, self.progress, fade=not exact)
            except RuntimeError as error:
                if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
                    raise  # as long as an error lives, so do the tensors of where it happened
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            tile = (tile or max(lr.shape[-2:])) // 32 * 16  # half of it, on the grid of tiles
            if tile < SMALLEST_TILE_PX:
                size = f"{lr.shape[-1]}x{lr.shape[-2]}"
                raise UserError(f"{self.name}: not enough memory for an image of {size}")

    def _run(self, lr: Tensor) -> Tensor:
        precision = self.precision
        if precision == "auto":
            precision = "fp16" if self.device.type == "cuda" and self.network is not None else "fp32"
        if precision == "fp32":
            return self.run(lr)
        with torch.autocast(self.device.type, HALVES[precision]):
            sr = self.run(lr).float()
        if sr.isfinite().all():
            return sr
        self._say(precision, f"{precision} gives values that are no numbers; float32 from here on")
        self.precision = "fp32"
        return self.run(lr)

    def _say(self, what: str, text: str) -> None:
        """Once."""
        said = self.__dict__.setdefault("_said", set())
        if what not in said:
            said.add(what)
            tqdm.write(f"{self.name}: {text}", file=sys.stderr)

    def _tile(self, lr: Tensor) -> int:
        if self.tile != "auto":
            tile = ceil(int(self.tile) / GRID_PX) * GRID_PX
            return tile if tile < max(lr.shape[-2:]) else 0
        if lr[0, 0].numel() <= SURELY_FITS_PX:
            return 0

        def whole() -> bool:
            return tile_that_fits(self.bytes_per_pixel * len(lr), 0, self.device) ** 2 >= lr[0, 0].numel()

        if whole():
            return 0
        give_back()  # what was kept of images before
        if whole():
            return 0
        return tile_that_fits(self.bytes_per_pixel * len(lr), self.halo_px, self.device)


def load(
    model: str | Path, scale: int | None = None, device: torch.device | str = "cpu", tile: int | str = "auto"
) -> Enlarger:
    """The enlarger that `model` names.

    Args:
        model: bicubic, bilinear, nearest or lanczos; the folder of a run; our .safetensors; a checkpoint of a run;
            weights of another project (.pth, .safetensors; needs spandrel); an .onnx file (needs onnxruntime).
        scale: that is needed; None takes that of the model, and 4 for interpolation.
        device: where to compute.
        tile: as in `Enlarger`.

    Raises:
        UserError: in one sentence: no such file, a package that is missing, weights that cannot be used, another scale.
    """
    device, path = torch.device(device), Path(model).expanduser()
    torch.backends.cudnn.allow_tf32 = False  # float32 shall be float32
    if tile != "auto" and not (isinstance(tile, int) and tile >= 0):
        raise UserError(f"tile={tile}: the side of a tile in LR pixels, 0 or auto is needed")
    if str(model) in INTERPOLATIONS:
        by = scale or 4
        return Enlarger(str(model), by, None, _interpolation(str(model), by), device, tile=tile)
    if not path.exists() and str(model) in weights.shipped():
        path = weights.find(str(model))
    if not path.exists():
        raise MissingError(
            f"{model}: no such file or folder, and no interpolation ({', '.join(INTERPOLATIONS)}) nor a model that "
            f"comes along ({', '.join(weights.shipped())}); "
            f"give the folder of a run or a file of weights ({', '.join(SUFFIXES)})"
        )
    if path.is_dir():
        path = weights.find(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{model}: a model is a folder of a run or one of {', '.join(SUFFIXES)}")
    if suffix == ".onnx":
        found = _onnx(path, device)
    elif (suffix == ".safetensors" and weights.is_ours(path)) or (suffix == ".ckpt" and weights.is_our_run(path)):
        generator, about = weights.load(path)
        if not {"scale", "channels"} <= about.keys():
            raise weights.UnusableWeights(f"{path}: its header does not say scale and channels")
        found = of_generator(path.stem, generator, about["scale"], about["channels"], device)
        found.range = weights.trained_range(about)
    else:
        found = _community(path, device)
    if scale is not None and found.scale != scale:
        raise UserError(f"{model}: enlarges by {found.scale}, scale={scale} is asked for")
    found.tile = tile
    return found


def blend(first: Enlarger, second: Enlarger, weight: float) -> Enlarger:
    """One network between two: (1 - weight) of the first's weights, `weight` of the second's (ESRGAN, section 3.4).

    Both are used up.

    Raises:
        UserError: they are not of one shape.
    """
    a, b = first.network, second.network
    if a is None or b is None:
        raise UserError(f"{(first if a is None else second).name}: no network whose weights could be mixed")
    states = a.state_dict(), b.state_dict()
    shapes = [{key: value.shape for key, value in state.items()} for state in states]
    if shapes[0] != shapes[1] or first.scale != second.scale:
        raise UserError(f"{first.name} and {second.name}: networks of different shape; only alike ones can be mixed")
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
        UserError: it is not to be had.
    """
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        found = torch.device(f"cuda:{rank}" if wanted == "cuda" else wanted)
        if found.type not in ("cpu", "cuda"):  # scores and means are computed in float64
            raise RuntimeError(wanted)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device {wanted}: not to be had here; cpu, cuda or cuda:N are") from error
    return found


def of_generator(name: str, generator: nn.Module, scale: int, channels: int, device: torch.device) -> Enlarger:
    """An enlarger of one of our networks, moved to `device`."""
    generator = generator.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    count = sum(p.numel() for p in generator.parameters())

    def run(lr: Tensor) -> Tensor:
        return generator(lr.contiguous(memory_format=torch.channels_last))

    return Enlarger(name, scale, channels, run, device, count, network=generator)


def _interpolation(kind: str, scale: int) -> Callable[[Tensor], Tensor]:
    def nearest(lr: Tensor) -> Tensor:
        return lr.repeat_interleave(scale, -1).repeat_interleave(scale, -2)

    def bilinear(lr: Tensor) -> Tensor:
        return F.interpolate(lr, scale_factor=scale, mode="bilinear", align_corners=False)

    def lanczos(lr: Tensor) -> Tensor:  # of three lobes, as Pillow computes it
        size = (lr.shape[-1] * scale, lr.shape[-2] * scale)
        planes = lr.flatten(0, 1).cpu().numpy()
        made = [np.asarray(Image.fromarray(p).resize(size, Image.Resampling.LANCZOS)) for p in planes]
        return torch.from_numpy(np.stack(made)).view(*lr.shape[:2], size[1], size[0]).to(lr)

    return {"bicubic": lambda lr: imresize(lr, scale), "nearest": nearest, "bilinear": bilinear, "lanczos": lanczos}[
        kind
    ]


def _community(path: Path, device: torch.device) -> Enlarger:
    """Weights of any architecture that spandrel knows; it unpickles tensors alone, and TorchScript runs no Python."""
    spandrel = optional("spandrel", f"{path}: weights of another project need spandrel", "community")
    try:
        model = spandrel.ModelLoader(device=device).load_from_file(path)
    except Exception as error:  # spandrel's own kinds, pickle's, torch's
        raise weights.UnusableWeights(f"{path}: no network that spandrel knows ({reason(error)})") from error
    if not isinstance(model, spandrel.ImageModelDescriptor) or model.input_channels != model.output_channels:
        raise weights.UnusableWeights(f"{path}: a {model.architecture.name} makes no image of one image")
    model.eval()
    count = sum(p.numel() for p in model.model.parameters())
    whole = model.tiling is not spandrel.ModelTiling.SUPPORTED  # attention in windows, which tiles would shift
    return Enlarger(
        path.stem, model.scale, model.input_channels, model, device, count, opaque=whole, network=model.model
    )


def _onnx(path: Path, device: torch.device) -> Enlarger:
    onnxruntime = optional("onnxruntime", f"{path}: ONNX files need onnxruntime", "onnx")
    wanted = ["CPUExecutionProvider"] if device.type == "cpu" else ["CUDAExecutionProvider", "CPUExecutionProvider"]
    try:
        session = onnxruntime.InferenceSession(path, providers=wanted)
    except Exception as error:
        raise weights.UnusableWeights(f"{path}: no network that onnxruntime can run ({reason(error)})") from error
    takes, gives = session.get_inputs(), session.get_outputs()
    shape: list[Any] = takes[0].shape
    if len(takes) != 1 or len(gives) != 1 or len(shape) != 4 or not isinstance(shape[1], int):
        raise weights.UnusableWeights(f"{path}: takes {[t.shape for t in takes]}; one image N C H W is needed")
    if isinstance(shape[2], int) or isinstance(shape[3], int):
        raise weights.UnusableWeights(f"{path}: takes {shape[3]}x{shape[2]} alone; export it with free sides")
    dtype = {"tensor(float)": np.float32, "tensor(float16)": np.float16}.get(takes[0].type)
    if dtype is None:
        raise weights.UnusableWeights(f"{path}: takes {takes[0].type}; float or float16 in [0, 1] is needed")

    def run(lr: Tensor) -> Tensor:
        try:
            sr = session.run(None, {takes[0].name: np.ascontiguousarray(lr.cpu().numpy().astype(dtype))})[0]
        except Exception as error:  # onnxruntime's own kinds have no other base
            raise UserError(f"{path}: fails on an image of {lr.shape[-1]}x{lr.shape[-2]} ({reason(error)})") from error
        return torch.from_numpy(sr).to(lr)

    probe = run(torch.zeros(1, shape[1], 16, 16))
    header = session.get_modelmeta().custom_metadata_map  # of ours: what the weights' header said
    try:
        about = {"range": json.loads(header.get("range", "null"))}
    except ValueError:  # somebody else's
        about = {}
    return Enlarger(
        path.stem, probe.shape[-1] // 16, shape[1], run, device, None, opaque=True, range=weights.trained_range(about)
    )
