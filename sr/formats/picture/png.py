"""PNG that Pillow would not read whole: of 16 bits, or with a colour that is transparent; and what its header says."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

import imagecodecs
import numpy as np
from PIL import Image

from ..base import Array
from .meta import Meta, exif_of
from .orientation import IN_XMP, ORIENTATION
from .pillow import indexed

LONGEST = 1 << 24  # bytes of a chunk that is looked into
COLOURS = (b"gAMA", b"cHRM", b"sRGB", b"mDCV", b"cLLI")
# Chunks that are read elsewhere, describe the old bytes, or are those of an animation
KNOWN = (b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"pHYs", b"eXIf", b"tIME", b"sBIT", b"hIST", b"acTL", b"fcTL", b"fdAT")
ELSEWHERE = (b"XML:com.adobe.xmp", b"Raw profile type exif", b"Raw profile type xmp", b"Raw profile type APP1")
LEVEL = 3  # of compression: files nearly as small as with the usual 6, which takes longer than enlarging


def depth(handle: BinaryIO) -> int:
    """Bits a channel; 0 of a file that ends too early."""
    handle.seek(0)
    header = handle.read(25)
    return header[24] if len(header) == 25 else 0


def has_key(image: Image.Image) -> bool:
    """Whether one gray level or colour is transparent (tRNS); Pillow keeps that apart, wrongly in 2 and 4 bits."""
    return "transparency" in image.info and image.mode in ("1", "L", "RGB")


def orientation(handle: BinaryIO) -> int:
    """The orientation tag of EXIF, or where there is none that of XMP, as Pillow takes it; 1 where neither says it.

    It is read from the chunks before the pixels; Pillow would decode the pixels first.
    """
    found = 1
    handle.seek(8)
    while len(head := handle.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in (b"IDAT", b"IEND"):
            break
        data = handle.read(length)
        if kind == b"eXIf" and ORIENTATION in (tags := exif_of(data)):
            return tags[ORIENTATION]
        if kind == b"iTXt" and data.startswith(ELSEWHERE[0]) and (said := IN_XMP.search(data)):
            found = int(said[2])
        handle.seek(4, 1)
    return found


def chunks(handle: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each chunk but the pixels; text may stand behind them. A damaged end ends them."""
    handle.seek(8)
    while len(head := handle.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IDAT" or length > LONGEST:
            handle.seek(length + 4, 1)
            continue
        data = handle.read(length)
        if kind == b"IEND" or handle.read(4) != struct.pack(">I", zlib.crc32(kind + data)):
            return
        yield kind, data


def said(handle: BinaryIO) -> tuple[tuple[int, int] | None, list[tuple[bytes, bytes]], list[str]]:
    """What a PNG says besides its pixels and what Pillow tells.

    Returns:
        Primaries and transfer function (cICP); the chunks to keep; and the names of those that cannot be kept.
    """
    colours, kept, lost = None, [], []
    for kind, data in chunks(handle):
        name = kind.decode("latin-1")
        if kind == b"cICP" and len(data) == 4:
            colours = (data[0], data[1])
        elif kind in (b"iTXt", b"tEXt", b"zTXt"):
            if not data.startswith(ELSEWHERE):
                kept.append((kind, data))
        elif kind in COLOURS or (kind not in KNOWN and kind[:1].islower() and kind[3:].islower()):
            kept.append((kind, data))
        elif kind not in KNOWN:
            lost.append(name)
    return colours, kept, lost


def decoded(handle: BinaryIO) -> Array:
    """Pixels of any depth, H W or H W C, not yet turned upright."""
    handle.seek(0)
    return np.asarray(imagecodecs.png_decode(handle.read()))


def unspread(pixels: Array, handle: BinaryIO) -> Array:
    """Gray of 1, 2 or 4 bits, which decoders spread over 0..255, as it is stored: H W, or H W 2 with transparency."""
    step = 255 // ((1 << min(depth(handle), 8)) - 1)
    return pixels // step if pixels.ndim == 2 else pixels // np.array([step, 1], pixels.dtype)


def encoded(pixels: Array, meta: Meta) -> bytes:
    """A whole file of H W C, uint8 or uint16, with its metadata."""
    if meta.palette is None:
        return _with_chunks(bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), LEVEL)), meta)
    with BytesIO() as made:
        indexed(pixels[..., 0], meta.palette).save(made, "PNG")
        return _with_chunks(made.getvalue(), meta)


def _with_chunks(png: bytes, meta: Meta) -> bytes:
    """The metadata as chunks behind the header, for imagecodecs writes pixels alone."""
    chunks = []
    if meta.colours:
        chunks.append((b"cICP", bytes([*meta.colours, 0, 1])))  # RGB, full range
    if meta.icc:
        chunks.append((b"iCCP", b"ICC\0\0" + zlib.compress(meta.icc)))
    if meta.dpi:
        metre = [round(dpi / 0.0254) for dpi in meta.dpi]
        chunks.append((b"pHYs", struct.pack(">IIB", *metre, 1)))
    if meta.exif:
        chunks.append((b"eXIf", meta.exif.removeprefix(b"Exif\0\0")))
    if meta.xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + meta.xmp))
    chunks += meta.chunks
    made = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return png[:33] + made + png[33:]  # 8 bytes of signature, 25 of IHDR
