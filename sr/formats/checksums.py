"""Checksums that decoders pass over: looked at here, before what they decoded is believed."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import imagecodecs
import tifffile

from .base import Unreadable

END = 1 << 20  # bytes that are read at once where only the checksum behind them matters

# Of the compressions of TIFF that hold a checksum, what checks it: libtiff stops once it has all pixels, before it
DECODERS: dict[int, Callable[..., Any]] = {
    8: imagecodecs.zlib_decode,
    32946: imagecodecs.zlib_decode,
    34925: imagecodecs.lzma_decode,
    50000: imagecodecs.zstd_decode,
}


def read_to_end(stream: Any) -> None:
    """Read what is left of a packed stream: gzip looks at its checksum once all is read, and then raises an error."""
    while stream.read(END):
        pass


def check_png(path: Path, handle: BinaryIO) -> None:
    """Look at all chunks up to the end of the picture; Pillow does not look at those of pixels, and passes over others.

    Raises:
        Unreadable: one does not match its checksum; a file that ends too early is left to the decoder.
    """
    handle.seek(8)
    while len(head := handle.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        data, stored = handle.read(length), handle.read(4)
        if len(stored) == 4 and zlib.crc32(data, zlib.crc32(kind)) != int.from_bytes(stored, "big"):
            raise Unreadable(f"{path}: damaged: its chunk {kind.decode('latin-1')!r} does not match its checksum")
        if kind == b"IEND":
            break


def check_tiff(path: Path, file: tifffile.TiffFile) -> None:
    """Look at all strips or tiles, but not at those of overviews.

    Raises:
        Unreadable: one does not match its checksum, has no length, or holds more than its pixels. Then Pillow decodes
            up to the last pixel, and GDAL anything: libdeflate leaves the output as it was.
    """
    count = 0
    for page in map(tifffile.TiffPage.aspage, file.pages):  # type: ignore[arg-type]
        if page.compression not in DECODERS or page.is_reduced:
            continue
        if len(page.dataoffsets) != len(page.databytecounts):
            segments = f"{len(page.dataoffsets)} strips or tiles, and lengths of {len(page.databytecounts)}"
            raise Unreadable(f"{path}: damaged: it has {segments}")
        for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True):
            if length:
                file.filehandle.seek(offset)
                count += not _is_whole(file.filehandle.read(length), page.compression, _segment_bytes(page))
    if count:
        raise Unreadable(f"{path}: damaged: {count} of its strips or tiles do not match their size or checksum")


def _segment_bytes(page: tifffile.TiffPage) -> int:
    height, width = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
    samples = page.samplesperpixel if page.planarconfig == tifffile.PLANARCONFIG.CONTIG else 1
    return height * ((width * samples * page.bitspersample + 7) // 8)


def _is_whole(data: bytes, compression: int, size: int) -> bool:
    try:
        DECODERS[compression](data, out=size)
    except Exception:  # each codec raises its own
        return False
    return True
