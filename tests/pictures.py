"""Pictures that tests write, and read back through the door of the program."""

from pathlib import Path

from sr import formats
from sr.formats.base import Array
from sr.formats.picture import Meta, Picture, write

__all__ = ["Meta", "read", "read_with_meta", "write"]


def read(path: str | Path) -> Array:
    """H W C."""
    with formats.open(path) as file:
        return next(file.frames())


def read_with_meta(path: str | Path) -> tuple[Array, Meta]:
    """H W C, and what else the file says."""
    with Picture.at(Path(path)) as file:
        return file.pixels, file.meta
