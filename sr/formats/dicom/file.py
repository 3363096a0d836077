"""A DICOM file: one frame or many, in stored values; its place in the patient is kept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sr.errors import UserError, optional, reason
from sr.image.range import Range

from ..base import Array, File, NoImage, Spacing, Unreadable, is_named
from ..nodata import masked
from .damaged import completed, leave_out_damaged
from .header import (
    PALETTE,
    has_other_scale,
    labels_in,
    no_image,
    objection,
    padding,
    places,
    rescale,
    spacing_in,
    stored_limits,
)
from .naming import SUFFIXES, begins_as_dicom
from .series import range_of_series
from .writing import write

MOST_PX, MOST_BYTES = (1 << 16) - 1, (1 << 32) - 2  # what Rows and Columns, and the length of an element, can say


class Dicom(File):
    """Frames T H W C, stored values: before slope and intercept.

    The range is measured over the whole series, that is over the files in this folder that share its UID, so that
    neighbouring slices look alike. The header does not give it: its windows say which values to show, not which occur.
    """

    kind = "dicom"
    several = True
    suffixes = SUFFIXES
    given: Spacing | None = None  # by the user, where the file does not say it

    @classmethod
    def claims(cls, path: Path, handle: BinaryIO) -> bool:
        return is_named(path, cls.suffixes) or begins_as_dicom(handle)

    @classmethod
    def split(cls, path: Path) -> tuple[str, str]:
        return super().split(path) if is_named(path, cls.suffixes) else (path.name, ".dcm")

    def __init__(self, path: Path, handle: BinaryIO) -> None:
        super().__init__(path, handle)
        pydicom = optional("pydicom", f"{path}: DICOM needs pydicom", "medical")
        try:
            force = begins_as_dicom(handle)  # also without a preamble
            handle.seek(0)
            self.dataset = pydicom.dcmread(handle, force=force)
            self.notes += completed(self.dataset)
        except Exception as error:  # pydicom raises many kinds on a damaged header
            raise Unreadable(f"{path}: not DICOM ({reason(error)})") from error
        self._step(self._describe, "a damaged header")

    def _step(self, step: Callable[[], None], trouble: str) -> None:
        """Take a step; where it fails, once more without the elements that are damaged and can be spared."""
        for tries_left in (1, 0):
            notes = list(self.notes)
            try:
                return step()
            except UserError:
                raise
            except Exception as error:  # pydicom raises many kinds
                if getattr(error, "errno", None) is not None:  # of the disk
                    raise
                self.notes = notes
                left = leave_out_damaged(self.dataset) if tries_left else []
                if not left:
                    raise Unreadable(f"{self.path}: {trouble} ({reason(error)})") from error
                self.notes.append(f"left out, as damaged: {', '.join(left)}")

    def _describe(self) -> None:
        if what := no_image(self.dataset):
            raise NoImage(f"{self.path}: no image, but {what}")
        if why := objection(self.dataset):
            raise Unreadable(f"{self.path}: {why}")
        size = self.dataset.Rows, self.dataset.Columns
        self.shape = (int(self.dataset.get("NumberOfFrames") or 1), *size, int(self.dataset.SamplesPerPixel))
        self.slope, self.intercept = rescale(self.dataset)
        self.labels = labels_in(self.dataset) or self.labels
        self.spacing = spacing_in(places(self.dataset))
        self.scaled = self.spacing is not None or has_other_scale(self.dataset)
        self.colours = (0, 1, 2) if self.shape[3] == 3 else None
        self.group = str(self.dataset.get("SeriesInstanceUID") or self.path)

    @cached_property
    def pixels(self) -> Array:
        """T H W C in stored values; decompressed, YBR as RGB."""
        try:
            from pydicom.pixels import pixel_array

            pixels = pixel_array(self.dataset).reshape(*self.shape[:3], -1)
            return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # pylibjpeg's RLE is Rust, whose panics are no Exception
            raise Unreadable(f"{self.path}: its pixels cannot be decoded ({reason(error)})") from error

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        return self.pixels.dtype

    @cached_property
    def padded(self) -> Array | None:
        """Where there is padding, T H W C; None without any."""
        value = padding(self.dataset, self.dtype)
        if value is None:
            return None
        limit = padding(self.dataset, self.dtype, "PixelPaddingRangeLimit")
        low, high = sorted((value, value if limit is None else limit))
        padded = (self.pixels >= low) & (self.pixels <= high)
        return padded if padded.any() else None

    @property
    def missing(self) -> bool:  # type: ignore[override]
        return self.padded is not None or self.dtype.kind == "f"

    def frames(self) -> Iterator[Array]:
        for i, pixels in enumerate(self.pixels):
            yield pixels if self.padded is None else masked(pixels, self.padded[i])

    def use_range(self, range: Range) -> None:
        """Take this range instead of the file's own; results stay within the bits in use, which readers mask out."""
        super().use_range(range)
        assert self._range is not None
        if (limits := stored_limits(self.dataset)) is not None:
            self._range = replace(self._range, least=limits[:1], most=limits[1:])

    def use_spacing(self, spacing: Spacing) -> None:
        """Take this spacing where the file does not say its own."""
        if self.scaled:
            self.notes.append("says itself how far apart its pixels lie: --spacing is not used")
        else:
            self.given = spacing
            self.spacing = None if spacing == "pixels" else spacing

    def refuse(self, target: Path) -> None:
        super().refuse(target)
        if self.dataset.get("PhotometricInterpretation") == PALETTE and not self.as_labels:
            raise Unreadable(f"{self.path}: {self.labels}, which cannot be interpolated; leave out --labels no")
        if not self.scaled and self.given is None:
            raise Unreadable(f"{self.path}: does not say how far apart its pixels lie, so nothing could be measured in "
                             "the result; give the millimetres with --spacing 0.5, or --spacing pixels")  # fmt: skip

    def find_range(self) -> Range:
        if self.colours and self.dtype.kind == "u":
            return Range.of_type(self.dtype)
        return self.stored(range_of_series(self))

    @contextmanager
    def writer(
        self, target: Path, size: tuple[int, ...], how: str = "", plain: bool = False
    ) -> Iterator[Callable[..., None]]:
        if max(size) > MOST_PX or self.dtype.itemsize * self.shape[0] * self.shape[3] * size[0] * size[1] > MOST_BYTES:
            raise UserError(f"{self.path}: would become {self.shape[0]} x {size[0]} x {size[1]}, where DICOM holds "
                            f"{MOST_PX} rows and columns, and 4 GB; take a smaller --scale")  # fmt: skip
        with super().writer(target, size, how, plain) as write:
            yield write

    def save(self, target: Path, made: list[Array], how: str, plain: bool) -> None:
        pixels = np.stack(made)
        self._step(lambda: write(target, self, pixels, how), "cannot be written again")
