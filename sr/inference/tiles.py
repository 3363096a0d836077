"""Large images in tiles, each with a halo of half the receptive field, so that no seams show.

The result equals that of the whole image, up to rounding. A network whose receptive field is the whole image has no
such halo: its tiles overlap, and each fades into the next.
"""

from collections.abc import Callable
from math import ceil, isqrt

import torch
from torch import Tensor
from tqdm import tqdm

from .memory import free_bytes, peak_bytes

Enlarge = Callable[[Tensor], Tensor]
GRID_PX = 16  # tiles begin at multiples of it: networks that fold pixels into channels see each as in the whole image
SMALLEST_TILE_PX = 32
SQUARE_PX, STRIP_PX = (64, 128, 256), (512, 1024, 2048)  # sides of the images that are probed: squares, then strips
STRIP_WIDTH_PX = 32
OVERLAP_PX = 32  # of tiles that fade into each other
SHARE = 0.5  # of the free memory for tensors; the rest is for the scratch space of convolutions


@torch.inference_mode()
def reach_px(enlarge: Enlarge, channels: int, device: torch.device | str = "cpu") -> int | None:
    """How many LR pixels away the farthest input is that an output pixel depends on: half the receptive field.

    Measured, not guessed: one input pixel is set to NaN, and the output pixels that turn NaN depend on it.

    Args:
        enlarge: N C H W in [0, 1] to N C sH sW.
        channels: C.

    Returns:
        LR pixels, rounded up to the grid on which tiles begin; None where every output depends on every
        input, as with attention over the whole image: then tiles cannot be exact.
    """
    for side in SQUARE_PX + STRIP_PX:
        shapes = [(side, side)] if side in SQUARE_PX else [(STRIP_WIDTH_PX, side), (side, STRIP_WIDTH_PX)]
        reach = max(_touched_px(enlarge, torch.full((1, channels, *shape), 0.5, device=device)) for shape in shapes)
        if reach < side // 2 - 4:
            return ceil(reach / GRID_PX) * GRID_PX
    return None


def _touched_px(enlarge: Enlarge, lr: Tensor) -> int:
    """How many LR pixels away from an inner pixel of `lr` the farthest output lies that depends on it."""
    reach, (height, width) = 0, lr.shape[-2:]
    for shift in range(4):  # networks may treat even and odd pixels differently
        probe = lr.clone()
        at = torch.tensor([height // 2 + shift, width // 2 + shift], device=lr.device)
        probe[..., at[0], at[1]] = torch.nan
        sr = enlarge(probe)
        touched = sr.isnan().any(1)[0].nonzero() // (sr.shape[-1] // width)
        if len(touched) == 0:  # the network replaces NaN, so its receptive field cannot be measured
            return max(lr.shape)
        reach = max(reach, int((touched - at.to(touched.device)).abs().max()))
    return reach


def tiled(
    enlarge: Enlarge, lr: Tensor, scale: int, tile_px: int, halo_px: int, progress: bool = False, fade: bool = False
) -> Tensor:
    """Enlarge in tiles.

    Args:
        enlarge: of N C H W.
        lr: N C H W.
        scale: of `enlarge`.
        tile_px: side of a tile in LR pixels without its halo; a multiple of 16.
        halo_px: LR pixels seen on each side, a multiple of 16; thrown away, or else
        fade: they are mixed with those of the next tile, whose weight grows as that of this one falls. For networks
            whose receptive field is not bounded.
        progress: show a bar.

    Returns:
        N C sH sW, on the CPU where it does not fit into the memory of the device.
    """
    n, _, height, width = lr.shape
    sr = weight = torch.empty(0)
    corners = [(top, left) for top in range(0, height, tile_px) for left in range(0, width, tile_px)]
    for top, left in tqdm(corners, unit="tile", disable=not progress, leave=False):
        bottom, right = min(top + tile_px, height), min(left + tile_px, width)
        above, below = max(top - halo_px, 0), min(bottom + halo_px, height)
        before, behind = max(left - halo_px, 0), min(right + halo_px, width)
        made = enlarge(lr[..., above:below, before:behind])
        if not len(sr):
            nbytes = n * made.shape[1] * height * width * scale**2 * made.element_size()
            device = lr.device if lr.device.type == "cpu" or 16 * nbytes < free_bytes(lr.device) else "cpu"
            sr = made.new_empty(n, made.shape[1], height * scale, width * scale, device=device)
            if fade:
                weight = sr.zero_().new_zeros(height * scale, width * scale)
        if fade:
            row = _ramp(above * scale, below * scale, top * scale, bottom * scale, height * scale, halo_px * scale)
            column = _ramp(before * scale, behind * scale, left * scale, right * scale, width * scale, halo_px * scale)
            share = (row[:, None] * column).to(sr.device)
            part = slice(above * scale, below * scale), slice(before * scale, behind * scale)
            sr[..., part[0], part[1]] += made.to(sr.device) * share
            weight[part] += share
            continue
        y, x = (top - above) * scale, (left - before) * scale
        sr[..., top * scale : bottom * scale, left * scale : right * scale] = made[
            ..., y : y + (bottom - top) * scale, x : x + (right - left) * scale
        ]
    return sr / weight if fade else sr


def _ramp(start: int, stop: int, first: int, last: int, size: int, halo: int) -> Tensor:
    """1 inside of the tile, falling to 0 from half a halo before its edge to half a halo behind; what lies farther out
    has seen too little around it.
    """
    at = torch.arange(start, stop) + 0.5
    rise = (at - first) / halo + 0.5 if first > 0 else torch.ones_like(at)
    fall = (last - at) / halo + 0.5 if last < size else torch.ones_like(at)
    return rise.clamp(0, 1) * fall.clamp(0, 1)


@torch.inference_mode()
def bytes_per_pixel(enlarge: Enlarge, channels: int, device: torch.device) -> float:
    """Memory that enlarging takes for each LR pixel, measured on a small image."""
    lr = torch.full((1, channels, 64, 64), 0.5, device=device)
    made: list[Tensor] = []
    peak = peak_bytes(lambda: made.append(enlarge(lr)), device)
    return max(peak, made[0].nbytes) / 64**2  # memory that is taken outside of torch is not counted


def tile_that_fits(pixel_bytes: float, halo_px: int, device: torch.device) -> int:
    """Side of the largest tile, halo left out, that the free memory holds; a multiple of 16 and at least 32."""
    side = isqrt(int(free_bytes(device) * SHARE / pixel_bytes)) - 2 * halo_px
    return max(side // GRID_PX * GRID_PX, SMALLEST_TILE_PX)
