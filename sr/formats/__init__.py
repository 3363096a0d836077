"""File formats: reading files of any kind and writing them enlarged. `open` chooses the kind."""

from pathlib import Path

from sr.errors import UserError
from sr.image.range import Range

from .animation import Animation
from .base import File, NoImage, Spacing, Unreadable, handle_of, has_no_suffix, is_named
from .dicom import Dicom, is_dicom
from .geotiff import Scene
from .nifti import Nifti
from .picture import Picture
from .video import Clip
from .volumes import Volume

# In the order in which they are asked whether a file is theirs. To add a format, write a File and add a line here.
KINDS: tuple[type[File], ...] = (Dicom, Nifti, Volume, Clip, Scene, Animation, Picture)

__all__ = [
    "KINDS",
    "File",
    "NoImage",
    "Spacing",
    "Unreadable",
    "count",
    "is_dicom",
    "is_known",
    "kind_of",
    "made_name",
    "open",
    "stem",
    "suffixes",
]


def open(path: str | Path, range: Range | None = None) -> File:
    """Open a file of any kind, once; close it again, or use `with`.

    Args:
        path: of the file.
        range: that networks see as 0..1, in the unit of the file; by default its own.

    Raises:
        Unreadable: damaged, or nothing that can be enlarged rightly; in one sentence that names the file.
        MissingError: no such file, or a package that this kind needs is not installed.
    """
    path = Path(path)
    handle = handle_of(path)
    try:
        for kind in KINDS:
            claimed = kind.claims(path, handle)
            handle.seek(0)
            if claimed:
                file = kind(path, handle)
                if range is not None:
                    file.use_range(range)
                return file
        raise Unreadable(f"{path}: this kind of file cannot be read; {', '.join(sorted(suffixes()))} can")
    except BaseException:
        handle.close()
        raise


def kind_of(path: Path) -> str:
    """The kind of a file by its name alone; empty for one that is not read."""
    kind = _kind(path)
    return "" if kind is None else kind.kind


def _kind(path: Path) -> type[File] | None:
    return next((kind for kind in KINDS if is_named(path, kind.suffixes)), None)


def is_known(path: Path) -> bool:
    """Whether a file is read: by its name, or without a suffix, as DICOM often is, by its first bytes."""
    return path.is_file() and (kind_of(path) != "" or is_dicom(path))


def count(path: Path) -> int:
    """How many images a file holds; 1 for a file that cannot be read, which is refused with the reason later."""
    kind = _kind(path)
    if not (kind.several if kind is not None else is_dicom(path)):
        return 1  # without opening it
    try:
        with open(path) as file:
            return file.shape[0]
    except UserError:
        return 1


def suffixes(still: bool = False) -> set[str]:
    """The suffixes of all files that are read; with `still`, without those of clips and animations."""
    return set().union(*(kind.suffixes for kind in KINDS if not (still and kind.moves)))


def stem(path: Path) -> str:
    """A name without its suffix; a UID has none, for the digits after its last dot belong to it."""
    kind = _kind(path)
    if kind is not None:
        return kind.split(path)[0]
    return path.name if has_no_suffix(path) else path.stem


def made_name(source: Path, added: str = "") -> str:
    """The name of the enlarged file, with `added` before its suffix."""
    kind = _kind(source) or (Dicom if is_dicom(source) else File)
    stem, suffix = kind.split(source)
    return f"{stem}{added}{suffix}"
