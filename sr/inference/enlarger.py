"""What enlarges images, whichever network or interpolation it is: precision, tiles, and what to do without memory."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil

import torch
import torch.nn as nn
from torch import Tensor
from tqdm import tqdm

from sr.errors import UserError, reason
from sr.image.range import Range

from .memory import give_back
from .precision import HALVES, full_float32
from .tiles import GRID_PX, OVERLAP_PX, SMALLEST_TILE_PX, bytes_per_pixel, reach_px, tile_that_fits, tiled

RGBA = 4  # channels of a network that takes red, green, blue and transparency
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
        bounded: its receptive field may be smaller than the image, and is measured; otherwise, or where it is found to
            be as large, tiles fade into each other and are not exact.
        progress: show a bar over the tiles.
        precision: fp32, fp16, bf16, or auto: fp16 on a GPU. A half that gives NaN or infinity is given up.
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
    bounded: bool = True
    progress: bool = False
    precision: str = "fp32"
    network: nn.Module | None = None
    range: Range | None = None
    said: set[str] = field(default_factory=set, init=False, repr=False)  # warnings, each given once

    @cached_property
    def reach_px(self) -> int | None:
        """Half the receptive field in LR pixels; None where that is not known or not bounded."""
        return reach_px(self._in_float32, self.channels or 1, self.device) if self.bounded else None

    @property
    def halo_px(self) -> int:
        """LR pixels around a tile that the network must be shown too."""
        if self.reach_px is not None:
            return self.reach_px
        self._say(
            "tiles",
            "its receptive field (all of the image, or over 1000 pixels) is too large for exact tiles; they overlap",
        )
        return OVERLAP_PX

    @cached_property
    def bytes_per_pixel(self) -> float:
        """Memory that an LR pixel takes while it is enlarged."""
        return bytes_per_pixel(self._in_float32, self.channels or 3, self.device)

    @torch.inference_mode()
    def __call__(self, lr: Tensor) -> Tensor:
        """N C H W in [0, 1] to N C sH sW, whole or in tiles, with the same result.

        A network of four channels takes three, too: colours that are opaque.

        Raises:
            UserError: not enough memory for the smallest tile, or the network fails, or gives NaN or infinity.
        """
        lr = lr.to(self.device)
        if self.channels == RGBA and lr.shape[1] == 3:
            return self(torch.cat([lr, torch.ones_like(lr[:, :1])], 1))[:, :3]
        tile = self._tile(lr)
        while True:
            try:
                if not tile:
                    return self._run(lr)
                exact = self.reach_px is not None
                return tiled(self._run, lr, self.scale, tile, self.halo_px, self.progress, fade=not exact)
            except RuntimeError as error:
                if not _is_lack_of_memory(error):
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
        if precision != "fp32":
            with torch.autocast(self.device.type, HALVES[precision]):
                sr = self._network(lr).float()
            if sr.isfinite().all():
                return sr
            self._say(precision, f"{precision} gives NaN or infinity; float32 from here on")
            self.precision = "fp32"
        sr = self._in_float32(lr)
        if not sr.isfinite().all() and lr.isfinite().all():
            raise UserError(f"the network {self.name} makes NaN or infinity of an image; its weights are of no use")
        return sr

    @full_float32()
    def _in_float32(self, lr: Tensor) -> Tensor:
        return self._network(lr)

    def _network(self, lr: Tensor) -> Tensor:
        """What it raises is not a fault of the image, and is told as the network's; lack of memory stays that."""
        try:
            return self.run(lr)
        except (RuntimeError, ValueError, TypeError, LookupError, AssertionError, AttributeError) as error:
            if isinstance(error, UserError) or _is_lack_of_memory(error):
                raise
            size = f"{lr.shape[-1]}x{lr.shape[-2]}"
            raise UserError(f"the network {self.name} fails on an image of {size} ({reason(error)})") from error

    def _say(self, what: str, text: str) -> None:
        """Once for each `what`."""
        if what not in self.said:
            self.said.add(what)
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


def _is_lack_of_memory(error: Exception) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)
