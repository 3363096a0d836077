"""`data=paired data.hr=DIR data.lr=DIR`: HR images and the LR images that belong to them."""

import sys
from functools import cached_property
from pathlib import Path
from typing import Any

from sr.errors import UserError

from .images import Images, partner_stem
from .module import CropData
from .pack import Pack, find


class Paired(CropData):
    """Pairs by name: `hr/a/b.png` belongs to `lr/a/b.*`, also where the latter is called `bx4` or `b_x4` (as DIV2K's).

    Args:
        hr, lr: folders.
        held_out_images: pairs kept for validation where `val` names none.
    """

    def __init__(self, hr: str, lr: str, held_out_images: int = 4, **options: Any) -> None:
        super().__init__(**options)
        self.roots = Path(hr).expanduser(), Path(lr).expanduser()
        self.held_out_images = held_out_images

    @cached_property
    def pairs(self) -> tuple[Pack, Pack]:
        """HR and LR images in the same order; one without a partner, or of the wrong size, is reported and left out.

        Raises:
            UserError: no pair at all.
        """
        hr_root, lr_root = self.roots
        hr = self.pack(find(hr_root), hr_root, self.crop_px)
        lr = self.pack(find(lr_root), lr_root, self.crop_px // self.scale)
        partner: dict[str, int] = {}
        for j, name in enumerate(lr.names):
            if partner.setdefault(partner_stem(name, self.scale), j) != j:
                self._skip(lr_root / name, f"{lr.names[partner[partner_stem(name, self.scale)]]} has the same name")
        kept: list[tuple[int, int]] = []
        for i, name in enumerate(hr.names):
            if partner_stem(name, self.scale) not in partner:
                self._skip(hr_root / name, f"no image of that name in {lr_root}")
                continue
            j = partner.pop(partner_stem(name, self.scale))
            (height, width, _), (lr_height, lr_width, _) = hr.shapes[i], lr.shapes[j]
            s = self.scale
            if (height // s, width // s) != (lr_height, lr_width):
                self._skip(lr_root / lr.names[j], f"LR is {lr_width}x{lr_height}, HR {width}x{height} at scale {s} "
                                                  f"needs {width // s}x{height // s}")  # fmt: skip
                continue
            kept.append((i, j))
        for j in partner.values():
            self._skip(lr_root / lr.names[j], f"no image of that name in {hr_root}")
        if not kept:
            raise UserError(f"no image of {hr_root} has its partner in {lr_root}; pairs share their names, and lr is "
                             f"{self.scale} times smaller")  # fmt: skip
        hr, lr = hr.keep([i for i, _ in kept]), lr.keep([j for _, j in kept])
        return hr, lr.seen_as(hr)

    def training(self) -> tuple[Pack, Pack]:
        (hr, _), (lr, _) = self.hold_out(self.held_out_images, *self.pairs)
        return hr, lr

    def held_out(self) -> Images:
        (_, hr), (_, lr) = self.hold_out(self.held_out_images, *self.pairs)
        return Images(self.roots[0].name, hr, lr, self.scale, self.channels)

    @staticmethod
    def _skip(path: Path, reason: str) -> None:
        print(f"skipped {path}: {reason}", file=sys.stderr)
