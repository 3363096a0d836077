"""Writing TIFF that Pillow cannot: 16 bits in colours, float, any number of bands."""

import struct
from pathlib import Path
from typing import Any, cast

import numpy as np
import tifffile
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from ..base import Array
from .meta import DESCRIPTIVE, EXIF, GPS, INTEROPERABILITY, IPTC, XMP, Meta, exif_of

CLASSIC_BYTES = (1 << 32) - (1 << 25)  # more bytes of pixels may not fit into a TIFF whose offsets have 32 bits
# tifffile cannot write a tag whose value is the place of a directory. A tag of the next number, which no one has
# defined, reserves the entry; it gets its real number once the directory is appended.
PLACEHOLDER = 1


def write_tiff(path: Path, pixels: Array, meta: Meta) -> None:
    """Write H W C of any type and number of bands, with its metadata."""
    if meta.inverted and pixels.shape[2] == 1 and pixels.dtype.kind == "u":
        pixels, gray = np.iinfo(pixels.dtype).max - pixels, "miniswhite"
    else:
        gray = "minisblack"
    rgb, inner, big = pixels.shape[2] == 3 + meta.alpha, dict[int, Any](), pixels.nbytes > CLASSIC_BYTES
    tags: list[Any] = [(XMP, "B", len(meta.xmp), meta.xmp, True)] if meta.xmp else []
    tags += [(IPTC, "B", len(meta.iptc), meta.iptc, True)] if meta.iptc else []
    if meta.exif is not None:
        exif = exif_of(meta.exif)
        tags += [(tag, "s", 0, str(exif[tag]), True) for tag in DESCRIPTIVE if tag in exif and tag not in (EXIF, GPS)]
        inner = {tag: exif.get_ifd(tag) for tag in (EXIF, GPS) if tag in exif and not big}  # Pillow writes 32 bits
        tags += [(tag + PLACEHOLDER, "I", 1, 0, True) for tag in inner]
    resolution: dict[str, Any] = {"resolution": meta.dpi, "resolutionunit": "INCH"} if meta.dpi else {}
    extra = pixels.shape[2] - (3 if rgb else 1)
    tifffile.imwrite(
        path, pixels[..., 0] if pixels.shape[2] == 1 else pixels, photometric="rgb" if rgb else gray,
        planarconfig="contig", compression="zlib", iccprofile=meta.icc, extratags=tags, metadata=None,
        extrasamples=[*["unspecified"] * (extra - meta.alpha), *["unassalpha"] * meta.alpha] if extra else None,
        bigtiff=big, software=False, **resolution,
    )  # fmt: skip
    for tag, values in inner.items():
        _append_directory(path, tag, values)


def _append_directory(path: Path, tag: int, values: Any) -> None:
    """Append one of EXIF's directories to a TIFF, and write its place and its tag over the placeholder."""
    with tifffile.TiffFile(path, mode="r+") as file:
        handle = file.filehandle
        offset = handle.seek(0, 2) + handle.size % 2
        directory = ImageFileDirectory_v2(prefix=b"II" if file.byteorder == "<" else b"MM")
        for key, value in values.items():
            if key != INTEROPERABILITY:  # a place in the old file
                directory[key] = value
        handle.seek(0, 2)
        handle.write(b"\0" * (offset - handle.size) + directory.tobytes(offset))
        reserved = cast(tifffile.TiffPage, file.pages[0]).tags[tag + PLACEHOLDER]
        reserved.overwrite(offset)
        handle.seek(reserved.offset)
        handle.write(struct.pack(f"{file.byteorder}H", tag))
