"""What a file is to the rest of the program: opened once, read, and written again at another size."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, Literal

import numpy as np
from typing_extensions import Self

from sr.errors import MissingError, UserError, reason
from sr.image.range import Measurement, Range

from . import database, labels

Array = np.ndarray[Any, np.dtype[Any]]
ALL = slice(None)
LOOKED_AT = 16  # frames or slices, to guess what they are
Spacing = tuple[float, float] | Literal["pixels"]  # millimetres between pixels, down and across; or not to be known


class Unreadable(UserError):
    """A file that cannot be read, or that cannot be enlarged rightly; the message names it and says why."""


class NoImage(Unreadable):
    """A file of a known kind that holds something else than images: a report, a plan, sound. That is no failure."""


class File:
    """An open file. A new format is a subclass, and a line in `sr.formats.KINDS`.

    A subclass sets these in its constructor, from the header alone where the format allows that:

    - `shape`: frames, height, width, channels. Of a volume the frames are its slices.
    - `dtype`: of the stored values.
    - `alpha`: the last channel is transparency.
    - `colours`: the channels that are red, green and blue, in that order, where the file says so.
    - `missing`: pixels may be missing; they are read as NaN.
    - `labels`: what says that its numbers are labels; empty where nothing does.
    - `spacing`: distances between pixels (voxels), where the file says so.
    - `slope`, `intercept`: unit of the file = slope * stored value + intercept; one number, or one a channel.
    - `group`: files of one group stay together, in training or in validation.
    - `notes`: sentences for the user, complete once the file was read and written.

    Args:
        path: of the file.
        handle: open at its beginning; closed with the file.

    Raises:
        Unreadable: damaged, or nothing that can be enlarged rightly.
        MissingError: a package that this kind needs is not installed.
    """

    kind: ClassVar[str]
    suffixes: ClassVar[frozenset[str]] = frozenset()
    layout: ClassVar[str] = "frames"  # or "windows", larger than memory; or "volume", slices along any axis
    several: ClassVar[bool] = False  # a file may hold several still images
    moves: ClassVar[bool] = False  # its frames follow each other in time: training takes the first, and no map is made

    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]
    alpha = False
    colours: tuple[int, int, int] | None = None
    missing = False
    labels = ""
    as_labels = False  # whether they are taken for labels: read and written as they are stored
    spacing: tuple[float, ...] | None = None
    slope: tuple[float, ...] = (1.0,)
    intercept: tuple[float, ...] = (0.0,)
    advice = ""  # ends the message where the file cannot be decoded

    def __init__(self, path: Path, handle: BinaryIO) -> None:
        self.path, self.handle, self.group = path, handle, str(path)
        self.labels = labels.said_by(self.split(path)[0])
        self.notes: list[str] = []
        self._range: Range | None = None

    @classmethod
    def claims(cls, path: Path, handle: BinaryIO) -> bool:
        """Whether the file is of this kind; by its name unless a subclass looks into it."""
        return is_named(path, cls.suffixes)

    @classmethod
    def split(cls, path: Path) -> tuple[str, str]:
        """The name of a file without its suffix, and the suffix of what is made of it."""
        suffix = max((s for s in cls.suffixes if path.name.lower().endswith(s)), key=len, default=path.suffix)
        return path.name[: len(path.name) - len(suffix)], path.name[len(path.name) - len(suffix) :]

    # --- values -----------------------------------------------------------------------------------------------------

    @property
    def range(self) -> Range:
        """The stored values that networks see as 0 and 1, one pair for the whole file; found on first use."""
        if self._range is None:
            self._range = self.find_range()
        return self._range

    def range_of(self, frame: int) -> Range:
        """The range of one frame or slice."""
        return self.range

    def use_range(self, range: Range) -> None:
        """Take this range, in the unit of the file, instead of the file's own."""
        self._range = self.stored(range)

    def use_spacing(self, spacing: Spacing) -> None:
        """Take this spacing where a kind of file must have one and this file does not say its own; others ignore it."""

    def use_nodata(self, value: float) -> None:
        """Take pixels of this value for missing, though the file does not say so; kinds that know none say that."""
        self.notes.append("--nodata is not used: it is for scenes (GeoTIFF)")

    def use_labels(self) -> None:
        """Take its numbers for labels, before any are read.

        Raises:
            UserError: what is made of this file cannot hold them.
        """
        self.as_labels = True
        self._range = Range((0.0,), (1.0,), "type")  # not measured, for no network sees them

    def some(self) -> Iterator[Array]:
        """A part of the pixels, in parts H W C, to guess what they are; none of colours."""
        if not self.colours:
            yield from islice(self.frames(), LOOKED_AT)

    def find_range(self) -> Range:
        """0..255 for uint8, measured for other types; subclasses override it where their format says more."""
        return Range.of_type(self.dtype) if self.dtype == np.uint8 else self.measured()

    def measured(self, together: bool = False) -> Range:
        """The range of all values in the file; one for all channels where they are `together`."""
        return self.measure(self.parts(), int(np.prod(self.shape[:3])), together)

    def measure(self, parts: Iterable[Array], pixels: int, together: bool = False) -> Range:
        """The range of some parts, H W C, with about this many pixels in all; transparency gets that of its type."""
        measurement, opaque = Measurement(pixels, together), 1.0
        for part in parts:
            measurement.add(part[..., :-1] if self.alpha else part)
            opaque = max(opaque, float(np.nanmax(part[..., -1]))) if self.alpha else opaque
        found = measurement.range()
        if self.alpha:
            full = float(np.iinfo(self.dtype).max) if self.dtype.kind in "ui" else opaque
            found = found.with_alpha(self.shape[3] - 1, full)
        return found.rising(self.slope)

    def glimpse(self) -> Range:
        """An estimate of the range, from few pixels."""
        return self.range

    def parts(self) -> Iterator[Array]:
        """All pixels, in parts H W C of any size."""
        return self.frames()

    def stored(self, range: Range) -> Range:
        """From a range in the unit of the file to the same in stored values."""
        return range.unscaled(self.slope, self.intercept)

    def in_units(self, range: Range) -> Range:
        """From a range in stored values to the same in the unit of the file."""
        return range.scaled(self.slope, self.intercept)

    # --- pixels -----------------------------------------------------------------------------------------------------

    def frames(self) -> Iterator[Array]:
        """Frames, or slices, in order: H W C, stored values, NaN where they are missing."""
        raise NotImplementedError

    def read(self, rows: slice = ALL, columns: slice = ALL) -> Array:
        """A window of the first frame, H W C."""
        return next(self.frames())[rows, columns]

    def refuse(self, target: Path) -> None:
        """Raise UserError where `target`, by its name, cannot hold what is made of this file."""
        if not is_named(target, self.suffixes):
            raise UserError(f"{self.path}: cannot become {target.name}, which is another kind of file")

    @contextmanager
    def writer(
        self, target: Path, size: tuple[int, ...], how: str = "", plain: bool = False
    ) -> Iterator[Callable[..., None]]:
        """Write the enlarged file with the metadata of this one, whole or not at all.

        Args:
            target: to write.
            size: height and width of the result; of volumes X, Y and Z.
            how: how it was made, for formats that record it.
            plain: what is written is a map with values of its own, to which the unit of this file does not apply.

        Yields:
            A function to call with each frame H W C in order; for windows with rows, columns and pixels; for a volume
            with all voxels. Here the results are gathered in memory and saved at the end.
        """
        made: list[Array] = []
        yield made.append
        self.save(target, made, how, plain)

    def save(self, target: Path, made: list[Array], how: str, plain: bool) -> None:
        """Write all that a `writer` was given; for kinds whose results are small enough to be gathered."""
        raise NotImplementedError

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Turn whatever a decoder raises on a damaged file into Unreadable."""
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            raise Unreadable(f"{self.path}: cannot be decoded ({reason(error)}){self.advice}") from error

    # --- open and closed --------------------------------------------------------------------------------------------

    @classmethod
    def at(cls, path: Path) -> Self:
        """Open a file that is known to be of this kind."""
        handle = handle_of(path)
        try:
            return cls(path, handle)
        except BaseException:
            handle.close()
            raise

    def close(self) -> None:
        self.handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def handle_of(path: Path) -> BinaryIO:
    """A file open for reading, or an image in a database.

    Raises:
        MissingError: no such file, or a package that it needs is not installed.
        Unreadable: it cannot be opened.
    """
    try:
        return open(path, "rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        if (image := database.opened(path)) is not None:
            return image
        raise MissingError(f"{path}: no such file") from error
    except OSError as error:
        raise Unreadable(f"{path}: cannot be opened ({error.strerror or reason(error)})") from error


def is_named(path: Path, suffixes: Collection[str]) -> bool:
    """Whether a name ends in one of these suffixes, of any case; `.nii.gz` counts as one."""
    return path.name.lower().endswith(tuple(suffixes))


def has_no_suffix(path: Path) -> bool:
    """Whether a name has no suffix; digits after a dot are not one, for DICOM files are often named by a UID."""
    return not path.suffix.strip(".0123456789")
