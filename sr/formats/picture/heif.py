"""AVIF and HEIC: their colours, which Pillow neither tells nor writes, and pictures of 10 and 12 bits."""

from pathlib import Path
from typing import Any, BinaryIO

import imagecodecs
import numpy as np

from ..base import Array
from .boxes import properties, with_metadata
from .meta import Meta

UNSPECIFIED, SRGB = 2, (1, 13)  # numbers of ITU-T H.273: of anything; primaries and transfer function
BT601 = 6  # the matrix between RGB and YCbCr that Pillow and pillow-heif take, whatever the primaries; a file says it
DEEPEST = 12  # bits of both formats


def colours_of(handle: BinaryIO) -> tuple[int, int] | None:
    """Primaries and transfer function; None where the file does not say, or says what is taken anyway: sRGB."""
    for kind, _, content in properties(handle):
        if kind == b"colr" and content.startswith(b"nclx"):
            found = int.from_bytes(content[4:6], "big"), int.from_bytes(content[6:8], "big")
            return None if found == SRGB or UNSPECIFIED in found else found
    return None


def depth(handle: BinaryIO) -> int:
    """Bits a channel."""
    found = next((content for kind, _, content in properties(handle) if kind == b"pixi"), b"")
    return found[5] if len(found) > 5 else 8  # behind the version and the number of channels


def set_colours(path: Path, colours: tuple[int, int]) -> None:
    """Write primaries and transfer function over those of a file; a HEIC with an ICC profile has no place for them."""
    with open(path, "r+b") as file:
        for kind, at, content in properties(file):
            if kind == b"colr" and content.startswith(b"nclx"):
                file.seek(at + 4)
                file.write(b"".join(number.to_bytes(2, "big") for number in colours))


def decoded(handle: BinaryIO, kind: str, bits: int) -> Array:
    """Pixels of more than 8 bits, H W or H W C uint16, scaled to all of 16 bits; not yet turned as EXIF says.

    Args:
        handle: the file.
        kind: AVIF or HEIF, as Pillow names it.
        bits: a channel, fewer than 16.
    """
    handle.seek(0)
    if kind == "AVIF":
        pixels = imagecodecs.avif_decode(handle.read())
    else:
        import pillow_heif

        pixels = np.asarray(pillow_heif.open_heif(handle, convert_hdr_to_8bit=False)) >> (16 - bits)
    return (pixels * np.float32(65535 / ((1 << bits) - 1))).round().astype(np.uint16)


def write(path: Path, pixels: Array, meta: Meta, quality: int) -> None:
    """Write H W C uint16 with its metadata as 10 bits where no more are in use, or else as 12; chroma is not halved."""
    bits = 10 if meta.bits == 10 else DEEPEST
    levels = (pixels * np.float32(((1 << bits) - 1) / 65535)).round().astype(np.uint16)
    if path.suffix.lower() == ".avif":
        primaries, transfer = (UNSPECIFIED, UNSPECIFIED) if meta.icc else SRGB
        made = imagecodecs.avif_encode(levels.squeeze(2) if levels.shape[2] == 1 else levels, quality, matrix=BT601,
                                       bitspersample=bits, pixelformat="444", primaries=primaries, transfer=transfer,
                                       )  # fmt: skip
        path.write_bytes(with_metadata(bytes(made), meta.icc, meta.exif, meta.xmp))
    else:
        _write_heic(path, levels << (16 - bits), bits, meta, quality)
    if meta.colours:
        set_colours(path, meta.colours)


def _write_heic(path: Path, pixels: Array, bits: int, meta: Meta, quality: int) -> None:
    """By pillow-heif, which drops the lowest of 16 bits."""
    import pillow_heif

    mode = ("L;16", "LA;16", "RGB;16", "RGBA;16")[pixels.shape[2] - 1]
    said: dict[str, Any] = {"exif": meta.exif, "xmp": meta.xmp, "icc_profile": meta.icc}
    before, pillow_heif.options.SAVE_HDR_TO_12_BIT = pillow_heif.options.SAVE_HDR_TO_12_BIT, bits == DEEPEST
    try:
        pillow_heif.encode(mode, pixels.shape[1::-1], pixels.tobytes(), path, quality=quality, chroma=444,
                           **{key: value for key, value in said.items() if value})  # fmt: skip
    finally:
        pillow_heif.options.SAVE_HDR_TO_12_BIT = before
