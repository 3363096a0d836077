"""How far a network sees, and how far that is felt: measured on small images, within seconds, and remembered."""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import product
from math import ceil
from pathlib import Path
from time import monotonic
from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from sr.atomic import write_text
from sr.errors import UserError

Enlarge = Callable[[Tensor], Tensor]
GRID_PX = 16  # tiles begin at multiples of it: networks that fold pixels into channels see each as in the whole image
NEAR_PX = 64  # networks that see no farther are always given all that they see
SQUARE_PX, STRIP_PX = 64, (128, 256, 1024, 2048)  # sides of the images that are probed: a square, then strips
ONE_BY_ONE_PX = 256  # up to this side, pixels are probed one by one; beyond, four together, and found up to 3 farther
STRIP_WIDTH_PX = 16
LEVEL = 1 / 255  # of 8 bits, where black is 0 and white 1
FELT = 1 / 8  # levels, on strips; whole tiles have longer edges, and half a level is what they may differ by
CUT_PX = (96, 192, 384, 768)  # lengths of the strips that are cut to find what is felt
SECONDS = 5.0  # that all of it may take
SHARE = 0.6  # of that for the first half
WORTH_KEEPING_S = 0.2


@dataclass(frozen=True)
class Reach:
    """How far around a tile the image matters, in LR pixels, multiples of the grid on which tiles begin.

    Args:
        seen_px: how far away the farthest input is that an output depends on: half the receptive field. None: all of
            the image, or not known.
        felt_px: beyond this, what is there changes the result by less than half a level of 8 bits, as measured on
            strips of noise and edges. None: not found, or not looked for as no more than 64 pixels are seen.
        late: not all could be known: time was over, or the network takes no strips.
    """

    seen_px: int | None = None
    felt_px: int | None = None
    late: bool = False


class Late(Exception):
    """Time is over."""


UNKNOWN = (Late, RuntimeError, UserError)


class Until(TorchFunctionMode):
    """Stops a network in the midst of its layers when time is over: raises `Late`."""

    def __init__(self, time: float) -> None:
        super().__init__()
        self.time = time

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if monotonic() > self.time:
            raise Late
        return func(*args, **(kwargs or {}))


def measure(
    enlarge: Enlarge, channels: int, device: torch.device, network: nn.Module | None = None, seconds: float = SECONDS
) -> Reach:
    """Both distances, looked up where this network has been measured before.

    Args:
        enlarge: N C H W in [0, 1] to N C sH sW.
        channels: C.
        device: where it computes.
        network: behind `enlarge`, by whose weights what was found is kept: in `SR_CACHE`, ~/.cache/sr.
        seconds: that it may take.
    """
    began = monotonic()
    kept = _kept(network) if network is not None else None
    if kept is not None and (before := _read(kept)):
        return before
    seen, felt, late = None, None, False
    try:
        with Until(began + SHARE * seconds):
            seen = reach_px(enlarge, channels, device)
    except UNKNOWN:
        late = True
    if seen is None or seen > NEAR_PX:
        try:
            with Until(began + seconds):
                felt = felt_px(enlarge, channels, device)
        except UNKNOWN:
            late = True
    found = Reach(seen, felt, late)
    if kept is not None and not late and monotonic() - began > WORTH_KEEPING_S:
        with suppress(OSError):  # a folder that cannot be written costs time, no more
            write_text(kept, json.dumps(asdict(found)) + "\n")
    return found


@torch.inference_mode()
def reach_px(enlarge: Enlarge, channels: int, device: torch.device | str = "cpu") -> int | None:
    """How many LR pixels away the farthest input is that an output pixel depends on: half the receptive field.

    Measured, not guessed: one input pixel is set to NaN, and the output pixels that turn NaN depend on it. What a
    convolution does to NaN depends on neither its weights nor its channels, and is computed with one of each.

    Args:
        enlarge: N C H W in [0, 1] to N C sH sW.
        channels: C.

    Returns:
        LR pixels, rounded up to the grid on which tiles begin; None where every output depends on every
        input, as with attention over the whole image: then tiles cannot be exact.
    """
    shifts = range(4)  # networks may treat even and odd pixels differently
    for side in (SQUARE_PX, *STRIP_PX):
        shapes = [(side, side)] if side == SQUARE_PX else [(STRIP_WIDTH_PX, side), (side, STRIP_WIDTH_PX)]
        sources = [range(shift, shift + 1) for shift in shifts] if side <= ONE_BY_ONE_PX else [shifts]
        reach = 0
        for shape, source in product(shapes, sources):
            if reach < side // 2 - 4:
                reach = max(reach, _touched_px(enlarge, torch.full((1, channels, *shape), 0.5, device=device), source))
        if reach < side // 2 - 4:
            return ceil(reach / GRID_PX) * GRID_PX
    return None


def _touched_px(enlarge: Enlarge, lr: Tensor, source: range) -> int:
    """How many LR pixels away from the first of these, counted from the middle along the diagonal, the farthest output
    lies that depends on one of them.
    """
    height, width = lr.shape[-2:]
    at = torch.tensor([height // 2, width // 2], device=lr.device) + source.start
    for i in range(len(source)):
        lr[..., at[0] + i, at[1] + i] = torch.nan
    with _Spreading():
        sr = enlarge(lr)
    touched = sr.isnan().any(1)[0].nonzero() // (sr.shape[-1] // width)
    if len(touched) == 0:  # the network replaces NaN, so its receptive field cannot be measured
        return max(lr.shape)
    return int((touched - at.to(touched.device)).abs().max())


class _Spreading(TorchFunctionMode):
    """Convolutions between all channels spread NaN as they do, and compute a mean otherwise."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return (_spread if func is F.conv2d else func)(*args, **(kwargs or {}))


def _spread(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    if groups > 1 or x.ndim != 4:
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups)
    mean = x.new_full((1, 1, *weight.shape[2:]), 1 / weight[0, 0].numel())
    made = F.conv2d(x.mean(1, keepdim=True), mean, None, stride, padding, dilation)
    return made.repeat(1, len(weight), 1, 1)  # copies: what follows may be done in place


@torch.inference_mode()
def felt_px(enlarge: Enlarge, channels: int, device: torch.device | str = "cpu") -> int | None:
    """How many LR pixels away from where an image is cut off the result changes by less than half a level of 8 bits.

    Strips of noise and edges are cut, lengthwise and upright, and what is made of them is compared.

    Args:
        enlarge, channels, device: as above.

    Returns:
        LR pixels, rounded up to the grid on which tiles begin, at least one step of it; None where it is not found.
    """
    for length in CUT_PX:
        cut = (length // 32 * GRID_PX - GRID_PX) | GRID_PX  # no multiple of 32: tiles are none either
        felt = 0
        for upright in (False, True):
            lr = _texture(channels, length).to(device)
            parts = [lr, lr[..., cut:]]
            whole, part = (enlarge(x.mT if upright else x) for x in parts)
            scale = whole.shape[-2 if upright else -1] // length
            whole, part = (sr.mT if upright else sr for sr in (whole, part))
            apart = (whole[..., cut * scale :] - part).abs().amax((0, 1, 2)) >= FELT * LEVEL
            last = int(apart.nonzero().max()) // scale + 1 if apart.any() else 0
            felt = max(felt, ceil(last / GRID_PX) * GRID_PX, GRID_PX)
        if felt + GRID_PX <= min(cut, length - cut):  # some more was seen, in which nothing changed
            return felt
    return None


def _texture(channels: int, length: int) -> Tensor:
    """1 C H W in [0, 1]: half of it edges between squares of 8 pixels, half of it noise; the same each time."""
    drawn = torch.Generator().manual_seed(0)
    edges = torch.rand(1, channels, STRIP_WIDTH_PX // 8, length // 8, generator=drawn)
    noise = torch.rand(1, channels, STRIP_WIDTH_PX, length, generator=drawn)
    return (F.interpolate(edges, scale_factor=8) + noise) / 2


def _kept(network: nn.Module) -> Path:
    """Where what was found of this network is kept."""
    digest = hashlib.sha256(repr(network).encode())
    for name, value in network.state_dict().items():
        digest.update(name.encode())
        if isinstance(value, Tensor):
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    cache = Path(os.environ.get("SR_CACHE", "~/.cache/sr")).expanduser()
    return cache / "networks" / f"{digest.hexdigest()}.json"


def _read(file: Path) -> Reach | None:
    try:
        found = Reach(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    steps = [px for px in (found.seen_px, found.felt_px) if px is not None]
    return found if all(isinstance(px, int) and px >= 0 and px % GRID_PX == 0 for px in steps) else None
