"""`data=folder data.root=DIR`: any tree of images, of HR alone or of HR and LR."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from sr.errors import UserError
from sr.formats import database

from .images import Images
from .layout import misfit, numbered
from .module import CropData, Which, listed
from .notes import say, say_skipped
from .pack import Pack
from .sets import Found, locate, together


class Folder(CropData):
    """Crops of one set or of several; where these have no LR images, lr is made on the device, by the degradation.

    Args:
        root: a set as `sr.data.sets.locate` takes it, or several.
        held_out_images: kept for validation where `val` names none.
        sizes: in which each image is used, as factors of its sides: [0.7, 0.5] instead of [1] takes the traces of
            compression and of a lens out of photographs.

    Raises:
        UserError: a size of 0 or less or of more than 1, or none.
    """

    def __init__(
        self,
        root: Which | Sequence[Which],
        held_out_images: int = 4,
        sizes: Sequence[float] = (1,),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.root, self.held_out_images, self.sizes = root, held_out_images, list(sizes)
        if not self.sizes or not all(0 < size <= 1 for size in self.sizes):
            raise UserError(f"data.sizes={self.sizes}: give factors of more than 0 and at most 1, such as [0.7,0.5]")

    @cached_property
    def found(self) -> Found:  # type: ignore[override]
        """The files."""
        return together([locate(which, self.benchmarks, self.scale) for which in listed(self.root)])

    @cached_property
    def pairs(self) -> tuple[Pack, Pack | None]:
        """HR images, and their LR images in the same order; one without a partner, or of the wrong size, is left out.

        Raises:
            UserError: no pair at all.
        """
        found = self.found
        if found.lr is None:
            return self.pack(found.hr, found.root, self.crop_px, self.sizes), None
        if self.sizes != [1]:
            raise UserError(f"data.sizes={self.sizes}: {found.root} comes with LR images, which belong to one size; "
                            "leave data.sizes out")  # fmt: skip
        hr = self.pack(found.hr, found.root, self.crop_px)
        assert found.lr_root is not None
        partner_of = dict(zip(found.hr, found.lr, strict=True))
        there = {path for path in found.lr if database.holder(path).exists()}
        reasons = [f"{path}: no image of that name in {found.lr_root}" for path in found.hr
                   if partner_of[path] not in there]  # fmt: skip
        reasons += [f"{path}: no image of that name in {found.root}" for path in found.alone]
        lr = self.pack([path for path in found.lr if path in there], found.lr_root, self.crop_px // self.scale)
        numbers = {_file(found.lr_root, name): j for j, name in enumerate(lr.names)}
        kept: list[tuple[int, int]] = []
        for i, name in enumerate(hr.names):
            file, tail = _file(found.root, name)
            j = numbers.get((partner_of[file], tail))
            if j is None:  # told above, or by the pack
                continue
            if wrong := misfit(hr.shapes[i][:2], lr.shapes[j][:2], self.scale):
                reasons.append(f"{partner_of[file]}: {wrong}")
                continue
            kept.append((i, j))
        say_skipped(reasons)
        if not kept:
            raise UserError(f"no image of {found.root} can be used with its partner in {found.lr_root}; pairs share "
                            f"their names, and lr is {self.scale} times smaller")  # fmt: skip
        if any(isinstance(which, str) for which in listed(self.root)):  # nobody has named its LR folder
            say(f"{found.root}: its {len(kept)} LR images are taken from {found.lr_root}, and degradation= makes none; "
                "name the HR folder alone to have them made")  # fmt: skip
        hr, lr = hr.keep([i for i, _ in kept]), lr.keep([j for _, j in kept])
        return hr, lr.seen_as(hr)

    @cached_property
    def split(self) -> list[tuple[Pack, Pack]]:
        """(training, validation) of HR, and of LR where there are files of it."""
        hr, lr = self.pairs
        return self.hold_out(self.held_out_images, hr, *([] if lr is None else [lr]))

    def training(self) -> tuple[Pack, Pack | None]:
        packs = [trained for trained, _ in self.split]
        return packs[0], packs[1] if len(packs) > 1 else None

    def held_out(self) -> Images:
        packs = [held_out for _, held_out in self.split]
        return Images(self.found.name, packs[0], packs[1] if len(packs) > 1 else None, self.scale, self.channels)


def _file(root: Path, name: str) -> tuple[Path, str]:
    """Of an image in a pack: the file, and which of its frames or slices."""
    base, tail = numbered(name)
    return root / base, tail
