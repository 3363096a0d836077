"""The gain map of a JPEG: a second JPEG behind the first, by which it is shown in high dynamic range (Ultra HDR).

Written down in Ultra HDR Image Format 1.1 and ISO 21496-1; where it lies is said by the Multi-Picture Format (CIPA
DC-007) and by a list in XMP. It covers the whole picture at any size, so that of an enlarged one is the same.
"""

import re
import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from .orientation import UPRIGHT

LOST = "the gain map of its high dynamic range"
ISO = b"urn:iso:std:iso:ts:21496:-1\0"  # begins a segment of both JPEGs
ADOBE = b"hdrgm:Version"  # in the XMP of both, where Ultra HDR is older than ISO's standard
ENTRIES = 0xB002  # tag of the Multi-Picture Format, with 16 bytes for each picture
LIST = re.compile(rb"<Container:Directory\b.*?</Container:Directory>", re.DOTALL)
ITEM = b'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="%b" Item:Mime="image/jpeg"%b/></rdf:li>'
SPACE = b"http://ns.google.com/photos/1.0/container/"


@dataclass(frozen=True)
class GainMap:
    """A gain map.

    Args:
        jpeg: the file, which says how it is applied.
        announced: the content of ISO's segment in the first JPEG; empty where there is none.
    """

    jpeg: bytes
    announced: bytes


def is_announced(image: Any, xmp: bytes | None) -> bool:
    """Whether a JPEG that Pillow opened says that it has one."""
    return ADOBE in (xmp or b"") or any(data.startswith(ISO) for _, data in getattr(image, "applist", ()))


def gain_map_of(image: Any, handle: BinaryIO, orientation: int) -> GainMap | None:
    """The gain map of a JPEG that Pillow opened, turned upright as that is; None where it is not where it should be."""
    handle.seek(0)
    data = handle.read()
    header = data.find(b"MPF\0" + image.info.get("mp", b"")) + 4  # from which places are counted
    for offset, length in places(image):
        jpeg = data[header + offset : header + offset + length]
        head = jpeg[: 1 << 16]
        if len(jpeg) == length and head.startswith(b"\xff\xd8") and (ISO in head or ADOBE in head):
            announced = next((data for _, data in image.applist if data.startswith(ISO)), b"")
            return GainMap(jpeg if orientation == 1 else _turned(jpeg, orientation), announced)
    return None


def places(image: Any) -> list[tuple[int, int]]:
    """Offset from the Multi-Picture header, and length, of each picture but the first; none of a damaged header."""
    mp = image.info.get("mp", b"")
    order = {b"II": "<", b"MM": ">"}.get(mp[:2], "")
    try:
        start = struct.unpack_from(f"{order}I", mp, 4)[0] if order else len(mp)
        for n in range(struct.unpack_from(f"{order}H", mp, start)[0]):
            tag, _, length, at = struct.unpack_from(f"{order}HHII", mp, start + 2 + 12 * n)
            if tag == ENTRIES:
                found = [struct.unpack_from(f"{order}III", mp, at + i) for i in range(16, length, 16)]
                return [(offset, size) for _, size, offset in found]
    except struct.error:
        pass
    return []


def with_gain_map(jpeg: bytes, more: GainMap) -> bytes:
    """A JPEG with the gain map behind it, and where that is said."""
    at = 2
    while 0xE0 <= jpeg[at + 1] <= 0xEF:  # behind the last of the application's segments at the beginning
        at += 2 + struct.unpack_from(">H", jpeg, at + 2)[0]
    iso = _segment(b"\xe2", more.announced) if more.announced else b""
    header = at + len(iso) + 8  # from which places are counted: behind marker, length and MPF\0
    total = len(jpeg) + len(iso) + len(_pictures(0, 0, 0))
    return jpeg[:at] + iso + _pictures(total, len(more.jpeg), total - header) + jpeg[at:] + more.jpeg


def announcing(xmp: bytes, more: GainMap) -> bytes:
    """XMP whose list of pictures, if it has one, names the gain map alone, with its length."""
    items = ITEM % (b"Primary", b"") + ITEM % (b"GainMap", b' Item:Length="%d"' % len(more.jpeg))
    names = b'xmlns:Container="%b" xmlns:Item="%bitem/"' % (SPACE, SPACE)
    made = b"<Container:Directory %b><rdf:Seq>%b</rdf:Seq></Container:Directory>" % (names, items)
    return LIST.sub(lambda _: made, xmp)


def without_gain_map(xmp: bytes | None) -> bytes | None:
    """XMP that no longer announces pictures behind this one."""
    return None if xmp is None else LIST.sub(b"", re.sub(rb'\s+hdrgm:Version="[^"]*"', b"", xmp))


def _pictures(first: int, second: int, offset: int) -> bytes:
    """The segment that says how long two pictures are, and where the second is."""
    entries = struct.pack(">IIIHH", 0x030000, first, 0, 0, 0) + struct.pack(">IIIHH", 0, second, offset, 0, 0)
    tags = struct.pack(">HHI4s", 0xB000, 7, 4, b"0100") + struct.pack(">HHII", 0xB001, 4, 1, 2)
    tags += struct.pack(">HHII", ENTRIES, 7, len(entries), 50)  # 50: behind the header of 8, the tags and their end
    return _segment(b"\xe2", b"MPF\0MM\0*" + struct.pack(">IH", 8, 3) + tags + b"\0\0\0\0" + entries)


def _segment(marker: bytes, content: bytes) -> bytes:
    return b"\xff" + marker + struct.pack(">H", len(content) + 2) + content


def _turned(jpeg: bytes, orientation: int) -> bytes:
    """The JPEG of a gain map, upright, with the segments that say how it is applied."""
    with Image.open(BytesIO(jpeg)) as image, BytesIO() as made:
        segments = b"".join(_segment(bytes([0xE0 + int(name[3:])]), data) for name, data in image.applist  # type: ignore[attr-defined]
                            if name in ("APP1", "APP2") and not data.startswith(b"Exif"))  # fmt: skip
        upright = Image.fromarray(np.ascontiguousarray(UPRIGHT[orientation](np.asarray(image))))
        upright.save(made, "JPEG", quality=95, subsampling=0, extra=segments)
        return made.getvalue()
