"""Large images in tiles, each with a halo, so that no seams show.

With a halo of half the receptive field, the result equals that of the whole image, up to rounding. With a narrower one
neighbours differ where they meet, which is measured on all that they both make. A network whose receptive field is the
whole image has no such halo: its tiles overlap, and each fades into the next.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import ceil, inf, isqrt
from time import monotonic
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from .memory import free_bytes, peak_bytes
from .reach import GRID_PX, Late, Until

Enlarge = Callable[[Tensor], Tensor]
SMALLEST_TILE_PX = 32
OVERLAP_PX = 32  # of tiles that fade into each other
SLOW_S = 3.0  # after which memory is measured on no larger image
SHARE = 0.5  # of the free memory for tensors; the rest is for the scratch space of convolutions


class Tiles(NamedTuple):
    """Sides of the tiles in LR pixels without their halo, multiples of 16, and what the network is given in all."""

    height: int
    width: int
    pixels: int

    def halved(self) -> "Tiles":
        """Squares of half the longer side."""
        side = max(self.height, self.width) // 32 * GRID_PX
        return Tiles(side, side, 0)


def tiled(
    enlarge: Enlarge,
    lr: Tensor,
    scale: int,
    tile_px: tuple[int, int],
    halo_px: int,
    progress: bool = False,
    fade: bool = False,
) -> tuple[Tensor, float]:
    """Enlarge in tiles.

    Args:
        enlarge: of N C H W.
        lr: N C H W.
        scale: of `enlarge`.
        tile_px: height and width of a tile in LR pixels without its halo; multiples of 16.
        halo_px: LR pixels seen on each side, a multiple of 16; thrown away, or else
        fade: they are mixed with those of the next tile, whose weight grows as that of this one falls. For networks
            whose receptive field is not bounded.
        progress: show a bar.

    Returns:
        N C sH sW, on the CPU where it does not fit into the memory of the device; and how far apart two neighbours
        are at most in what both make, close to where one takes over from the other: each has seen as little beyond its
        edge there as anywhere in the result, or a little less. 0 where there are no neighbours.
    """
    n, _, height, width = lr.shape
    sr = weight = torch.empty(0)
    apart = 0.0
    corners = [(top, left) for top in range(0, height, tile_px[0]) for left in range(0, width, tile_px[1])]
    for top, left in tqdm(corners, unit="tile", disable=not progress, leave=False):
        bottom, right = min(top + tile_px[0], height), min(left + tile_px[1], width)
        above, below = max(top - halo_px, 0), min(bottom + halo_px, height)
        before, behind = max(left - halo_px, 0), min(right + halo_px, width)
        made = enlarge(lr[..., above:below, before:behind])
        if not len(sr):
            nbytes = n * made.shape[1] * height * width * scale**2 * made.element_size()
            device = lr.device if lr.device.type == "cpu" or 16 * nbytes < free_bytes(lr.device) else "cpu"
            sr = made.new_empty(n, made.shape[1], height * scale, width * scale, device=device)
            if fade:
                weight = sr.zero_().new_zeros(height * scale, width * scale)
        begin, end = _met(halo_px, fade)
        for ys, xs in ((slice(top - begin, top - end), slice(left, right)),
                       (slice(top, bottom), slice(left - begin, left - end))):  # fmt: skip
            if min(ys.start, xs.start) >= 0 and begin > end:
                part = slice(ys.start * scale, ys.stop * scale), slice(xs.start * scale, xs.stop * scale)
                theirs = sr[..., part[0], part[1]] / (weight[part] if fade else 1)
                y, x = (ys.start - above) * scale, (xs.start - before) * scale
                ours = made[..., y : y + theirs.shape[-2], x : x + theirs.shape[-1]]
                apart = max(apart, float((ours.to(sr.device) - theirs).abs().max()))
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
    return sr / weight if fade else sr, apart


def _met(halo_px: int, fade: bool) -> tuple[int, int]:
    """Between how many pixels before its edge a tile is compared with the one before it, which alone has been there."""
    end = halo_px // 2 if fade else 0
    return end + (halo_px - end) // 4, end


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
    """Memory that enlarging takes for each LR pixel, measured on a small image, smaller where a network is slow."""
    peak = 0.0
    for side, until in ((32, inf), (64, monotonic() + SLOW_S)):
        lr, made = torch.full((1, channels, side, side), 0.5, device=device), list[Tensor]()
        with suppress(Late), Until(until):
            most = peak_bytes(partial(_into, made, enlarge, lr), device)
            peak = max(most, made[0].nbytes) / side**2
    return peak  # memory that is taken outside of torch is not counted


def _into(made: list[Tensor], enlarge: Enlarge, lr: Tensor) -> None:
    made.append(enlarge(lr))


def tile_that_fits(pixel_bytes: float, halo_px: int, device: torch.device) -> int:
    """Side of the largest square, halo left out, that the free memory holds; a multiple of 16 and at least 32."""
    side = isqrt(pixels_that_fit(pixel_bytes, device)) - 2 * halo_px
    return max(side // GRID_PX * GRID_PX, SMALLEST_TILE_PX)


def pixels_that_fit(pixel_bytes: float, device: torch.device) -> int:
    """LR pixels that the free memory holds."""
    return int(free_bytes(device) * SHARE / pixel_bytes)


def tiles_that_fit(height: int, width: int, halo_px: int, most_px: int) -> Tiles:
    """The tiles of this image that cost least: of `most_px` pixels with their halo; the smallest where none do."""
    best: Tiles | None = None
    for tall in _sides(height):
        most_across = most_px // max(_given(height, tall, halo_px))
        wide = next((side for side in _sides(width) if max(_given(width, side, halo_px)) <= most_across), None)
        if wide is not None:
            pixels = sum(_given(height, tall, halo_px)) * sum(_given(width, wide, halo_px))
            if best is None or pixels < best.pixels:
                best = Tiles(tall, wide, pixels)
    if best is not None:
        return best
    across, down = (sum(_given(size, SMALLEST_TILE_PX, halo_px)) for size in (width, height))
    return Tiles(SMALLEST_TILE_PX, SMALLEST_TILE_PX, across * down)


def _sides(size: int) -> list[int]:
    """Sides of which 1, 2, 3 ... tiles are as long as `size`, each a multiple of 16."""
    counts = range(1, ceil(size / SMALLEST_TILE_PX) + 1)
    return sorted({max(ceil(size / count / GRID_PX) * GRID_PX, SMALLEST_TILE_PX) for count in counts}, reverse=True)


def _given(size: int, side: int, halo_px: int) -> list[int]:
    """Lengths of the tiles along an axis with their halo."""
    return [min(i + side + halo_px, size) - max(i - halo_px, 0) for i in range(0, size, side)]
