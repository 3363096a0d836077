"""File formats: what is in a file, and how it is written again. `open` is the door for all of them."""

import builtins
from pathlib import Path

from sr.errors import MissingError, UserError, reason
from sr.range import Range

from .animation import Animation
from .base import File, Unreadable, is_named
from .dicom import Dicom, is_dicom
from .geotiff import Scene
from .image import Picture
from .nifti import Nifti
from .video import Clip

# In the order in which they are asked whether a file is theirs; a new format is one line more.
KINDS: tuple[type[File], ...] = (Dicom, Nifti, Clip, Scene, Animation, Picture)

__all__ = ["KINDS", "File", "Unreadable", "count", "is_known", "kind_of", "made_name", "open", "suffixes"]


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
    try:
        handle = builtins.open(path, "rb")  # noqa: SIM115 (the file closes it)
    except FileNotFoundError as error:
        raise MissingError(f"{path}: no such file") from error
    except OSError as error:
        raise Unreadable(f"{path}: cannot be opened ({error.strerror or reason(error)})") from error
    try:
        for kind in KINDS:
            claimed = kind.claims(path, handle)
            handle.seek(0)
            if claimed:
                file = kind(path, handle)
                if range is not None:
                    file.use_range(range)
                return file
    except BaseException:
        handle.close()
        raise
    handle.close()
    raise Unreadable(f"{path}: no kind of file that is read; {', '.join(sorted(suffixes()))} are")


def kind_of(path: Path) -> str:
    """By the name alone; empty for none that we read."""
    return next((kind.kind for kind in KINDS if is_named(path, kind.suffixes)), "")


def is_known(path: Path) -> bool:
    """Whether it is a file that we read: by its name, or of DICOM, which often has no suffix, by what it holds."""
    return path.is_file() and (kind_of(path) != "" or is_dicom(path))


def count(path: Path) -> int:
    """How many images a file holds; of one that cannot be read 1, for reading it tells why."""
    if not any(kind.several and is_named(path, kind.suffixes) for kind in KINDS) and not is_dicom(path):
        return 1  # without opening it
    try:
        with open(path) as file:
            return file.shape[0]
    except UserError:
        return 1


def suffixes(still: bool = False) -> set[str]:
    """Of all files that are read; of those that hold still images alone, on request."""
    return set().union(*(kind.suffixes for kind in KINDS if not (still and kind.moves)))


def stem(path: Path) -> str:
    """The name without its suffix; UIDs as names look as if they had one."""
    kind = next((kind for kind in KINDS if is_named(path, kind.suffixes)), None)
    if kind is not None:
        return kind.split(path)[0]
    return path.name if not path.suffix.strip(".0123456789") else path.stem


def made_name(source: Path, added: str = "") -> str:
    """The name of what `source` becomes."""
    kind = next((kind for kind in KINDS if is_named(source, kind.suffixes)), Dicom if is_dicom(source) else File)
    stem, suffix = kind.split(source)
    return f"{stem}{added}{suffix}"
