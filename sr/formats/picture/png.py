"""PNG that Pillow would not read whole: of 16 bits, or with a colour that is transparent; and what its header says."""

import struct
import zlib
from typing import BinaryIO

import imagecodecs
import numpy as np
from PIL import Image

from ..base import Array
from .meta import Meta, exif_of

LEVEL = 3  # of compression: files nearly as small as with the usual 6, which takes longer than enlarging


def depth(handle: BinaryIO) -> int:
    """Bits a channel; 0 of a file that ends too early."""
    handle.seek(0)
    header = handle.read(25)
    return header[24] if len(header) == 25 else 0


def has_key(image: Image.Image) -> bool:
    """Whether one gray level or colour is transparent (tRNS); Pillow keeps that apart, wrongly in 2 and 4 bits."""
    return "transparency" in image.info and image.mode in ("1", "L", "RGB")


def exif(handle: BinaryIO) -> Image.Exif:
    """EXIF from the chunks before the pixels; Pillow would decode the pixels first."""
    handle.seek(8)
    while len(head := handle.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in (b"IDAT", b"IEND"):
            break
        data = handle.read(length)
        if kind == b"eXIf":
            return exif_of(data)
        handle.seek(4, 1)
    return exif_of(b"")


def decoded(handle: BinaryIO) -> Array:
    """Pixels of any depth, H W or H W C, not yet turned upright."""
    handle.seek(0)
    return np.asarray(imagecodecs.png_decode(handle.read()))


def encoded(pixels: Array, meta: Meta) -> bytes:
    """A whole file of H W C, uint8 or uint16, with its metadata."""
    return _with_chunks(bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), LEVEL)), meta)


def _with_chunks(png: bytes, meta: Meta) -> bytes:
    """The metadata as chunks behind the header, for imagecodecs writes pixels alone."""
    chunks = []
    if meta.icc:
        chunks.append((b"iCCP", b"ICC\0\0" + zlib.compress(meta.icc)))
    if meta.dpi:
        metre = [round(dpi / 0.0254) for dpi in meta.dpi]
        chunks.append((b"pHYs", struct.pack(">IIB", *metre, 1)))
    if meta.exif:
        chunks.append((b"eXIf", meta.exif.removeprefix(b"Exif\0\0")))
    if meta.xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + meta.xmp))
    made = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return png[:33] + made + png[33:]  # 8 bytes of signature, 25 of IHDR
