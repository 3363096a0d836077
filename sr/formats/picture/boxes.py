"""The boxes of AVIF and HEIC (ISO/IEC 14496-12 and 23008-12): what is said of the main picture, and putting more in."""

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, NamedTuple

from sr.errors import UserError

LARGEST = 1 << 24  # bytes of a box that is looked into: of a gain map, or of tens of thousands of tiles, it is smaller
ALPHA = ("urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", "urn:mpeg:hevc:2015:auxid:1")
ILOC = b"\0\0\0\0\x44\0"  # version 0, offsets and lengths of 4 bytes, none to be added
XMP = b"application/rdf+xml\0"


class Box(NamedTuple):
    """A box: its four letters, where its content begins in the file, and the content."""

    kind: bytes
    at: int
    content: bytes


def properties(handle: BinaryIO) -> list[Box]:
    """Properties of the main picture, not of its small ones, its tiles or its gain map; none of a damaged file."""
    try:
        inner = {box.kind: box for box in _children(_meta(handle), 4)}
        main = _number(inner[b"pitm"].content)
        within = list(_children(inner[b"iprp"]))
        shared = next(list(_children(box)) for box in within if box.kind == b"ipco")
        numbers = [i for box in within if box.kind == b"ipma" for i in _associated(box.content).get(main, [])]
        return [shared[i - 1] for i in numbers if 0 < i <= len(shared)]
    except (StopIteration, KeyError, struct.error, IndexError):
        return []


def beside(handle: BinaryIO) -> list[str]:
    """What lies beside the main picture and is none to look at: a gain map, depth, what an app puts there."""
    try:
        inner = {box.kind: box for box in _children(_meta(handle), 4)}
        shared = [one for box in _children(inner[b"iprp"]) if box.kind == b"ipco" for one in _children(box)]
    except KeyError:
        return []
    kinds = [box.content[4:].split(b"\0")[0].decode("latin-1") for box in shared if box.kind == b"auxC"]
    found = ["gain map" if "gainmap" in kind else kind.rsplit(":", 1)[-1] for kind in kinds if kind not in ALPHA]
    tone_mapped = b"iinf" in inner and b"tmap" in inner[b"iinf"].content  # ISO 21496-1
    return sorted({*found, *["gain map"] * tone_mapped})


def with_metadata(avif: bytes, icc: bytes | None, exif: bytes | None, xmp: bytes | None) -> bytes:
    """An AVIF of one picture, as libavif writes it, with a colour profile, EXIF and XMP.

    Args:
        avif: the file.
        icc, exif, xmp: the bytes as Pillow gives them.

    Raises:
        UserError: the file is laid out in another way.
    """
    meta = _meta(BytesIO(avif))
    inner = {box.kind: box.content for box in _children(meta, 4)}
    if not inner[b"iloc"].startswith(ILOC) or inner[b"iinf"][:4] != b"\0\0\0\0":
        raise UserError("this version of imagecodecs writes AVIF of 10 and 12 bits in an unknown way; write a .png")
    main = _number(inner[b"pitm"])
    number = max(struct.unpack_from(">H", box.content, 4)[0] for box in _children(Box(b"", 0, inner[b"iinf"]), 6))
    made, data, at = dict(inner), b"", len(avif) + 8
    tiff = b"\0\0\0\0" + (exif or b"").removeprefix(b"Exif\0\0")  # four bytes: where the header of TIFF begins
    for kind, content in ((b"Exif\0", tiff if exif else b""), (b"mime\0" + XMP, xmp or b"")):
        if content:
            number += 1
            infe = _box(b"infe", b"\x02\0\0\0" + struct.pack(">HH", number, 0) + kind)
            made[b"iinf"] = _counted(made[b"iinf"] + infe, 4)
            place = struct.pack(">HHHII", number, 0, 1, at + len(data), len(content))
            made[b"iloc"] = _counted(made[b"iloc"] + place, 6)
            cdsc = _box(b"cdsc", struct.pack(">HHH", number, 1, main))
            made[b"iref"] = made.get(b"iref", b"\0\0\0\0") + cdsc
            data += content
    if icc:
        made[b"iprp"] = _with_profile(inner[b"iprp"], main, icc)
    made[b"iloc"] = _moved(made[b"iloc"], sum(8 + len(box) for box in made.values()) + 4 - len(meta.content))
    new = _box(b"meta", meta.content[:4] + b"".join(_box(*box) for box in made.items()))
    return avif[: meta.at - 8] + new + avif[meta.at + len(meta.content) :] + (_box(b"mdat", data) if data else b"")


def _meta(handle: BinaryIO) -> Box:
    """The box that describes the pictures; KeyError where there is none."""
    at = 0
    while True:
        handle.seek(at)
        head = handle.read(16)
        if len(head) < 8:
            raise KeyError("meta")
        length, kind = struct.unpack_from(">I4s", head)
        start = 16 if length == 1 else 8
        length = struct.unpack_from(">Q", head, 8)[0] if length == 1 else length
        if kind == b"meta" and start <= length <= LARGEST:
            handle.seek(at + start)
            return Box(kind, at + start, handle.read(length - start))
        if length < start:  # 0: up to the end of the file
            raise KeyError("meta")
        at += length


def _children(box: Box, at: int = 0) -> Iterator[Box]:
    """The boxes in a box, from byte `at` of its content."""
    while at + 8 <= len(box.content):
        length, kind = struct.unpack_from(">I4s", box.content, at)
        if length < 8:
            return
        yield Box(kind, box.at + at + 8, box.content[at + 8 : at + length])
        at += length


def _number(pitm: bytes) -> int:
    """The number of the main picture, in 2 bytes or in 4."""
    found: int = struct.unpack_from(">I" if pitm[0] else ">H", pitm, 4)[0]
    return found


def _associated(ipma: bytes) -> dict[int, list[int]]:
    """Number of a picture -> its properties, counted from 1."""
    long, wide = ipma[0], ipma[3] & 1
    (count,), at, found = struct.unpack_from(">I", ipma, 4), 8, dict[int, list[int]]()
    for _ in range(count):
        (item, several), at = struct.unpack_from(">IB" if long else ">HB", ipma, at), at + (5 if long else 3)
        numbers = struct.unpack_from(f">{several}{'H' if wide else 'B'}", ipma, at)
        found[item], at = [n & (0x7FFF if wide else 0x7F) for n in numbers], at + several * (2 if wide else 1)
    return found


def _with_profile(iprp: bytes, main: int, icc: bytes) -> bytes:
    """Properties with a colour profile, the last of them, for the main picture."""
    boxes = {box.kind: box.content for box in _children(Box(b"iprp", 0, iprp))}
    number = 1 + sum(1 for _ in _children(Box(b"ipco", 0, boxes[b"ipco"])))
    ipma, at = boxes[b"ipma"], 8
    while struct.unpack_from(">H", ipma, at)[0] != main:
        at += 3 + ipma[at + 2]
    end = at + 3 + ipma[at + 2]
    ipma = ipma[: at + 2] + bytes([ipma[at + 2] + 1]) + ipma[at + 3 : end] + bytes([number]) + ipma[end:]
    return _box(b"ipco", boxes[b"ipco"] + _box(b"colr", b"prof" + icc)) + _box(b"ipma", ipma)


def _counted(content: bytes, at: int) -> bytes:
    """With one more in the count, of two bytes, at this place."""
    return content[:at] + struct.pack(">H", struct.unpack_from(">H", content, at)[0] + 1) + content[at + 2 :]


def _moved(iloc: bytes, by: int) -> bytes:
    """Places of all data, `by` bytes farther from the beginning of the file."""
    made, at = bytearray(iloc), 8
    while at < len(iloc):
        extents, at = struct.unpack_from(">H", iloc, at + 4)[0], at + 6
        for _ in range(extents):
            struct.pack_into(">I", made, at, struct.unpack_from(">I", iloc, at)[0] + by)
            at += 8
    return bytes(made)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content
