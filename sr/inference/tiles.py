"""Large images in tiles: each with a halo as wide as the network sees, so that the seams are none.

The result is that of the whole image, to rounding.
"""

from collections.abc import Callable
from math import ceil, isqrt

import torch
from torch import Tensor
from tqdm import tqdm

from sr.errors import UserError

from .memory import free_bytes, peak_bytes

Enlarge = Callable[[Tensor], Tensor]
GRID_PX = 16  # tiles begin at multiples of it: networks that fold pixels into channels see each as in the whole image
SMALLEST_TILE_PX = 32
LARGEST_PROBE_PX = 256
SHARE = 0.5  # of the free memory for tensors; the rest is for the scratch space of convolutions


@torch.inference_mode()
def reach_px(enlarge: Enlarge, channels: int, device: torch.device | str = "cpu") -> int | None:
    """How many LR pixels away the farthest input is that an output pixel depends on: half the receptive field.

    Computed, not guessed: one input pixel is not a number, and what it touches is not a number either.

    Args:
        enlarge: N C H W in [0, 1] to N C sH sW.
        channels: C.

    Returns:
        LR pixels, rounded up to the grid on which tiles begin; None where all depends on all, as with attention over
        the whole image: then tiles cannot be exact.
    """
    side = 64
    while side <= LARGEST_PROBE_PX:
        reach = 0
        for shift in range(4):  # networks may treat even and odd pixels differently
            lr = torch.full((1, channels, side, side), 0.5, device=device)
            at = side // 2 + shift
            lr[..., at, at] = torch.nan
            sr = enlarge(lr)
            scale = sr.shape[-1] // side
            touched = sr.isnan().any(1)[0].nonzero() // scale
            if len(touched) == 0:
                raise UserError("the network hides what its input is not; give tile=0 to enlarge whole images")
            reach = max(reach, int((touched - at).abs().max()))
        if reach < side // 2 - 4:
            return ceil(reach / GRID_PX) * GRID_PX
        side *= 2
    return None


def tiled(enlarge: Enlarge, lr: Tensor, scale: int, tile_px: int, halo_px: int, progress: bool = False) -> Tensor:
    """Enlarge in tiles.

    Args:
        enlarge: of N C H W.
        lr: N C H W.
        scale: of `enlarge`.
        tile_px: side of a tile in LR pixels without its halo; a multiple of 16.
        halo_px: LR pixels seen on each side and thrown away, a multiple of 16.
        progress: show a bar.

    Returns:
        N C sH sW.
    """
    n, _, height, width = lr.shape
    sr: Tensor | None = None
    corners = [(top, left) for top in range(0, height, tile_px) for left in range(0, width, tile_px)]
    for top, left in tqdm(corners, unit="tile", disable=not progress, leave=False):
        bottom, right = min(top + tile_px, height), min(left + tile_px, width)
        above, before = max(top - halo_px, 0), max(left - halo_px, 0)
        made = enlarge(lr[..., above : bottom + halo_px, before : right + halo_px])
        if sr is None:
            sr = made.new_empty(n, made.shape[1], height * scale, width * scale)
        y, x = (top - above) * scale, (left - before) * scale
        sr[..., top * scale : bottom * scale, left * scale : right * scale] = made[
            ..., y : y + (bottom - top) * scale, x : x + (right - left) * scale
        ]
    assert sr is not None
    return sr


@torch.inference_mode()
def bytes_per_pixel(enlarge: Enlarge, channels: int, device: torch.device) -> float:
    """Memory that enlarging takes for each LR pixel, measured on a small image."""
    lr = torch.full((1, channels, 64, 64), 0.5, device=device)
    made: list[Tensor] = []
    peak = peak_bytes(lambda: made.append(enlarge(lr)), device)
    return max(peak, made[0].nbytes) / 64**2  # what is computed outside of torch is not seen


def tile_that_fits(pixel_bytes: float, halo_px: int, device: torch.device) -> int:
    """Side of the largest tile, halo left out, that the free memory holds; a multiple of 16 and at least 32."""
    side = isqrt(int(free_bytes(device) * SHARE / pixel_bytes)) - 2 * halo_px
    return max(side // GRID_PX * GRID_PX, SMALLEST_TILE_PX)
