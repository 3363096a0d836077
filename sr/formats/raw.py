"""Voxels behind a header of text, or in a file beside it: where they begin, how they are packed, what they are."""

import bz2
import gzip
import zlib
from collections.abc import Callable
from functools import partial
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .base import Array, Unreadable
from .checksums import END, read_to_end


def data_of(path: Path, handle: BinaryIO, name: str) -> bytes:
    """What follows the header, or lies in another file.

    Args:
        path: of the header.
        handle: of the same, behind its last line.
        name: LOCAL, or of the file as the header has it.

    Raises:
        Unreadable: the header names a file outside of its own folder, or none that is there.
    """
    if name.upper() == "LOCAL":
        return handle.read()
    if Path(name).is_absolute() or ".." in Path(name).parts:  # a stranger's header must not show one's own files
        raise Unreadable(f"{path}: its voxels would come from {name}, outside of its folder; put that file beside it")
    if name[:4].upper() == "LIST" or "%" in name:
        raise Unreadable(f"{path}: its voxels lie in several files ({name}); one is read")
    if not name or not (path.parent / name).is_file():
        raise Unreadable(f"{path}: its voxels are missing: {name or 'no file is named'}")
    return (path.parent / name).read_bytes()


def voxels_in(data: bytes, how: str, skip: int, kind: str, big: bool, sizes: list[int]) -> Array:
    """An array with these axes, the fastest first, in the byte order of this machine.

    Args:
        data: as it is stored.
        how: a key of `UNPACK`.
        skip: bytes before the voxels, once unpacked; -1: they are the last ones, of raw data.
        kind: of NumPy, such as i2.
        big: the most significant byte comes first.
        sizes: of the axes.

    Raises:
        ValueError: there are fewer bytes, or the sizes are none. Unpacking raises errors of other kinds, too.
    """
    if not sizes or min(sizes) < 1:
        raise ValueError(f"sizes {sizes}; each has to be 1 or more")
    dtype = np.dtype(f"{'>' if big else '<'}{kind}")
    needed = prod(sizes) * dtype.itemsize
    if skip < 0 and how != "raw":
        raise ValueError(f"{skip} bytes to be skipped in packed voxels")
    found = UNPACK[how](data, skip, needed)
    if len(found) < needed:
        raise ValueError(f"{len(found)} bytes of voxels where {needed} are needed")
    return np.frombuffer(found, dtype).reshape(sizes, order="F").astype(kind)


def _stored(data: bytes, skip: int, needed: int) -> bytes:
    start = max(len(data) - needed, 0) if skip < 0 else skip
    return data[start : start + needed]


def _streamed(opened: Callable[..., Any], data: bytes, skip: int, needed: int) -> bytes:
    with opened(BytesIO(data)) as stream:
        stream.seek(skip)
        found: bytes = stream.read(needed)
        read_to_end(stream)
    return found


def _inflated(data: bytes, skip: int, needed: int) -> bytes:
    unpack = zlib.decompressobj()
    found = unpack.decompress(data, skip + needed)[skip:]
    while not unpack.eof:  # to the checksum
        if not unpack.decompress(unpack.unconsumed_tail, END) and not unpack.unconsumed_tail and not unpack.eof:
            raise ValueError("its voxels end too early")
    return found


# How voxels are packed, by the names that headers have for it
UNPACK: dict[str, Callable[[bytes, int, int], bytes]] = {
    "raw": _stored, "gzip": partial(_streamed, gzip.open), "gz": partial(_streamed, gzip.open),
    "bzip2": partial(_streamed, bz2.open), "bz2": partial(_streamed, bz2.open), "zlib": _inflated,
}  # fmt: skip
