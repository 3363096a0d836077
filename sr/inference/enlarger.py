"""What enlarges images, whichever network or interpolation it is: precision, tiles, and what to do without memory."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil, inf

import torch
import torch.nn as nn
from torch import Tensor
from tqdm import tqdm

from sr.errors import UserError, reason
from sr.image.range import Range

from .memory import give_back
from .precision import HALVES, full_float32
from .reach import GRID_PX, LEVEL, NEAR_PX, SECONDS, Reach, measure
from .tiles import OVERLAP_PX, SMALLEST_TILE_PX, Tiles, bytes_per_pixel, pixels_that_fit, tiled, tiles_that_fit

RGBA = 4  # channels of a network that takes red, green, blue and transparency
SURELY_FITS_PX = 256**2  # images that are enlarged whole without asking for the free memory
MOST_WORK = 1.5  # times the pixels of an image, for networks that see farther than NEAR_PX
FAR_PX = 128  # the widest overlap where it is not known how far a change is felt


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
        halo: LR pixels around a tile that the network is shown too; exact: all that it sees; auto: that too where it
            sees no farther than 64 pixels, otherwise what is felt (see `Reach`), as far as that makes at most 1.5 times
            the work; by how much the result may differ is said.
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
    halo: int | str = "auto"
    bounded: bool = True
    progress: bool = False
    precision: str = "fp32"
    network: nn.Module | None = None
    range: Range | None = None
    worst: float = field(default=0.0, init=False, repr=False)  # levels by which tiles were told to differ

    @cached_property
    def reach(self) -> Reach:
        """How far it sees, and how far that is felt."""
        if not self.bounded:
            return Reach()
        return measure(self._in_float32, self.channels or 1, self.device, self.network)

    @property
    def reach_px(self) -> int | None:
        """Half the receptive field in LR pixels; None where that is not known or not bounded."""
        return self.reach.seen_px

    @property
    def halo_px(self) -> int | None:
        """LR pixels around a tile that the network is shown too, whatever that costs; None where tiles must overlap.

        Raises:
            UserError: `halo` is exact, and cannot be.
        """
        seen = self.reach_px
        if self.halo == "exact" and seen is None:
            why = f"could not be measured in {SECONDS:g} seconds" if self.reach.late else "is all of the image"
            raise UserError(f"{self.name}: what it sees {why}, so that no halo is exact; give its pixels, or --tile 0 "
                            "for whole images")  # fmt: skip
        if self.halo == "exact" or (seen is not None and seen <= NEAR_PX and self.halo == "auto"):
            return seen
        if self.halo == "auto":
            return self.reach.felt_px
        given = ceil(int(self.halo) / GRID_PX) * GRID_PX
        return given if seen is None else min(given, seen)

    @cached_property
    def bytes_per_pixel(self) -> float:
        """Memory that an LR pixel takes while it is enlarged."""
        return bytes_per_pixel(self._in_float32, self.channels or 3, self.device)

    @torch.inference_mode()
    def __call__(self, lr: Tensor) -> Tensor:
        """N C H W in [0, 1] to N C sH sW, whole or in tiles, with the same result as far as `halo` says.

        A network of four channels takes three, too: colours that are opaque.

        Raises:
            UserError: not enough memory for the smallest tile, or the network fails, or gives NaN or infinity.
        """
        lr = lr.to(self.device)
        if self.channels == RGBA and lr.shape[1] == 3:
            return self(torch.cat([lr, torch.ones_like(lr[:, :1])], 1))[:, :3]
        plan = self._plan(lr)
        while True:
            try:
                if plan is None:
                    return self._run(lr)
                (tiles, halo), fade = plan, self.halo_px is None
                sr, apart = tiled(self._run, lr, self.scale, tiles[:2], halo, self.progress, fade)
            except RuntimeError as error:
                if not _is_lack_of_memory(error):
                    raise  # as long as an error lives, so do the tensors of where it happened
            else:
                if halo != self.reach_px:
                    self._tell(halo, apart)
                return sr
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            tiles = plan[0] if plan else Tiles(lr.shape[-2], lr.shape[-1], 0)
            plan = tiles.halved(), self._halo_of_tiles()
            if plan[0].height < SMALLEST_TILE_PX:
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
            tqdm.write(f"{self.name}: {precision} gives NaN or infinity; float32 from here on", file=sys.stderr)
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

    def _tell(self, halo: int, apart: float) -> None:
        """By how much the result may differ from that of the whole image, where it is more than has been told."""
        levels = max(ceil(apart / LEVEL * 100), 1) / 100
        if levels <= self.worst:
            return
        self.worst = levels
        if self.halo_px is None:
            why = "is not known" if self.reach.late else "is all of the image, or over 1000 pixels"
            way = f"its receptive field {why}, so that tiles cannot be exact; they overlap by {halo} pixels, and where"
        else:
            of = "" if self.reach_px is None else f" of the {self.reach_px} that it sees"
            way = f"tiles with a halo of {halo} pixels{of} (--halo exact: all); where"
        tqdm.write(f"{self.name}: {way} they meet they differ by up to {levels:g} of 255 levels", file=sys.stderr)

    def _plan(self, lr: Tensor) -> tuple[Tiles, int] | None:
        """Tiles and their halo; None for the whole image at once."""
        height, width = lr.shape[-2:]
        if self.tile != "auto":
            side = ceil(int(self.tile) / GRID_PX) * GRID_PX
            return (Tiles(side, side, 0), self._halo_of_tiles()) if 0 < side < max(height, width) else None
        if height * width <= SURELY_FITS_PX:
            return None

        def fitting() -> int:
            return pixels_that_fit(self.bytes_per_pixel * len(lr), self.device)

        if fitting() >= height * width:
            return None
        give_back()  # what was kept of images before
        if (most := fitting()) >= height * width:
            return None
        halo = self.halo_px
        late = halo is None and self.reach.late
        wanted = halo if halo is not None else FAR_PX if late else OVERLAP_PX
        tiles = tiles_that_fit(height, width, wanted, most)
        # What is felt, or may be, is given as far as that costs little; what has to be, whatever it costs.
        least = OVERLAP_PX if late else GRID_PX
        if self.halo == "auto" and (late or (self.reach_px or inf) > NEAR_PX):
            while tiles.pixels > MOST_WORK * height * width and wanted > least:
                wanted -= GRID_PX
                tiles = tiles_that_fit(height, width, wanted, most)
        return tiles, wanted

    def _halo_of_tiles(self) -> int:
        """LR pixels around tiles whose size is given."""
        return OVERLAP_PX if self.halo_px is None else self.halo_px


def _is_lack_of_memory(error: Exception) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)
