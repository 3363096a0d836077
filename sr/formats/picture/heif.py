"""What AVIF and HEIC say of their colours in their boxes (ISO/IEC 23008-12), which Pillow neither tells nor writes."""

from pathlib import Path
from typing import BinaryIO

HEAD = 1 << 20  # bytes in which the boxes of properties are looked for: they stand before the pixels
NCLX = b"colrnclx"  # followed by two bytes each: primaries, transfer function, matrix; numbers of ITU-T H.273
PIXI = b"pixi\0\0\0\0"  # followed by the number of channels, and the bits of each
UNSPECIFIED, SRGB = 2, (1, 13)


def colours_of(handle: BinaryIO) -> tuple[int, int] | None:
    """Primaries and transfer function; None where the file does not say, or says what is taken anyway: sRGB."""
    head = _head(handle)
    at = head.find(NCLX)
    if at < 0:
        return None
    found = tuple(int.from_bytes(head[at + i : at + i + 2], "big") for i in (8, 10))
    return None if found == SRGB or UNSPECIFIED in found else (found[0], found[1])


def depth(handle: BinaryIO) -> int:
    """Bits a channel."""
    head = _head(handle)
    at = head.find(PIXI)
    return head[at + 9] if 0 <= at < len(head) - 9 else 8


def set_colours(path: Path, colours: tuple[int, int]) -> bool:
    """Write primaries and transfer function over those of a file; whether it has a place for them."""
    with open(path, "r+b") as file:
        at = _head(file).find(NCLX)
        if at >= 0:
            file.seek(at + 8)
            file.write(b"".join(number.to_bytes(2, "big") for number in colours))
    return at >= 0


def _head(handle: BinaryIO) -> bytes:
    handle.seek(0)
    return handle.read(HEAD)
