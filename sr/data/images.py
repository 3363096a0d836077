"""Whole images for validation and tests: an HR image, and the LR image that was made of it where there is a file."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from sr import formats
from sr.degradations.pairs import Degradation
from sr.errors import UserError
from sr.image.range import Range, unit

from .layout import misfit, numbered
from .pack import Frame, Pack, frames_of, seen

Source = Sequence[Path] | Pack
Numbered = Pack | list[tuple[Path, int]]  # files, and which image of theirs


class Images(Dataset[dict[str, Any]]):
    """Item i is {"name", "n": i, "hr": C sH sW}, and "lr": C H W where there are files of it; bytes or float in [0, 1].

    Without files of lr it is made by the degradation (`sr.degradations.pair`), to which `n` is the number of the image.
    A file of several frames, or of slices, is as many images.

    Args:
        name: of the set.
        hr: images, as files or as a pack; cropped to a multiple of the scale where necessary.
        lr: images in the same order, or None.
        scale: between the two.
        channels: 3 expands gray files to RGB, as the tables of deep networks do; 1 takes luma; None leaves files as
            they are, as the bicubic row of the classic tables does.
        values: that networks see as 0 and 1, in the unit of the files; by default each file's own.
        degradation: makes lr here, where there are no files of it.
    """

    def __init__(
        self,
        name: str,
        hr: Source,
        lr: Source | None,
        scale: int,
        channels: int | None = 3,
        values: Range | None = None,
        degradation: Degradation | None = None,
    ) -> None:
        self.degradation = degradation
        self.name, self.scale, self.channels, self.values = name, scale, channels, values
        self._sources = hr, lr
        self._last: dict[str, tuple[Any, list[Frame]]] = {}

    def made(self, how: str, degradation: Degradation | None) -> "Images":
        """The same images as NAME-how, without their LR files; lr is made by `degradation`, or by who takes them."""
        name = f"{self.name}-{how}"
        return Images(name, self._sources[0], None, self.scale, self.channels, self.values, degradation)

    @cached_property
    def hr(self) -> Numbered:
        """The HR images; only files that may hold several are opened for this."""
        source = self._sources[0]
        return source if isinstance(source, Pack) else [(f, i) for f in self.files for i in range(formats.count(f))]

    @cached_property
    def lr(self) -> Numbered | None:
        """Their partners, by the number of the frame or slice."""
        hr, lr = self._sources
        if lr is None or isinstance(lr, Pack) or isinstance(self.hr, Pack):
            return lr  # type: ignore[return-value]
        partners = {Path(path): Path(partner) for path, partner in zip(hr, lr, strict=True)}  # type: ignore[arg-type]
        return [(partners[path], i) for path, i in self.hr]

    @property
    def files(self) -> list[Path]:
        """Files of the HR images, in order."""
        source = self._sources[0]
        return [Path(name) for name in (source.names if isinstance(source, Pack) else source)]

    @cached_property
    def names(self) -> list[str]:
        """Names of the images, without the parts that all of them share."""
        if isinstance(self.hr, Pack):
            split = [numbered(name) for name in self.hr.names]
        else:
            several = {path for path, i in self.hr if i}
            split = [(str(path), f"[{i}]" if path in several else "") for path, i in self.hr]
        files, tails = [Path(base) for base, _ in split], [tail for _, tail in split]
        names = [formats.stem(file) + tail for file, tail in zip(files, tails, strict=True)]
        if len(set(names)) < len(files):  # the same name in two folders, or with two suffixes
            above = os.path.commonpath([file.parent for file in files])
            names = [file.relative_to(above).as_posix() + tail for file, tail in zip(files, tails, strict=True)]
        return names

    def __len__(self) -> int:
        return len(self.hr)

    def __getitem__(self, i: int) -> dict[str, Any]:
        s = self.scale
        frame = self._frame("hr", self.hr, i, self.values)
        hr = seen(frame.pixels, frame.values)
        height, width = hr.shape[1] // s * s, hr.shape[2] // s * s
        if not height or not width:
            raise UserError(f"{self.name}/{self.names[i]}: HR is {hr.shape[2]}x{hr.shape[1]}, smaller than a pixel of "
                            f"LR at scale {s}")  # fmt: skip
        item: dict[str, Any] = {"name": self.names[i], "n": i, "hr": hr[:, :height, :width].contiguous()}
        if self.lr is None and self.degradation is not None:
            item["lr"] = self.degradation(unit(item["hr"][None]), [i])[0][0]
        if self.lr is not None:
            # LR takes the range that was measured of HR; with one of its own it could be brighter or darker.
            measured = None if frame.values.how == "type" else frame.in_units
            other = self._frame("lr", self.lr, i, self.values or measured)
            same_type = measured is None and other.pixels.dtype == frame.pixels.dtype
            lr = item["lr"] = seen(other.pixels, frame.values if same_type else other.values)
            if wrong := misfit((height, width), lr.shape[1:], s):
                raise UserError(f"{self.name}/{self.names[i]}: {wrong}")
        return item

    def _frame(self, side: str, source: Numbered, i: int, values: Range | None) -> Frame:
        if isinstance(source, Pack):
            return source.frame(i)
        path, number = source[i]
        if self._last.get(side, (None,))[0] != (path, values):  # a volume is decoded once for all its slices
            with formats.open(path, values) as file:
                self._last[side] = (path, values), list(frames_of(file, self.channels))
        frames = self._last[side][1]
        if number >= len(frames):
            raise UserError(f"{path}: holds {len(frames)} images, and no number {number} as its HR does")
        return frames[number]
