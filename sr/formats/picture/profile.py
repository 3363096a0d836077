"""An ICC profile made from numbers of ITU-T H.273, for formats that hold profiles and not the numbers.

The layout is that of ICC.1:2022 (version 4.4): a matrix and a curve, and the numbers themselves as the tag `cicp`.
"""

import struct

import numpy as np

from ..base import Array

D65, DCI, C = (0.3127, 0.3290), (0.314, 0.351), (0.310, 0.316)
# Table 2 of H.273: x and y of red, green and blue, and of white
PRIMARIES = {
    1: ("BT.709", ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), D65),
    4: ("BT.470 M", ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08)), C),
    5: ("BT.470 BG", ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)), D65),
    6: ("SMPTE 170M", ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)), D65),
    7: ("SMPTE 240M", ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)), D65),
    9: ("BT.2020", ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), D65),
    11: ("DCI-P3", ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), DCI),
    12: ("P3", ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), D65),
}
ALPHA, BETA = 1.09929682680944, 0.018053968510807  # of Table 3, for BT.709 and those that equal it
BT709 = (1 / 0.45, 1 / ALPHA, 1 - 1 / ALPHA, 1 / 4.5, 4.5 * BETA)
# Table 3, turned round: light = (a V + b)^g from V = d on, and c V below. PQ (16) and HLG (18) say of light that is
# brighter than white, which a matrix and a curve cannot.
TRANSFERS = {
    1: ("BT.709", BT709), 6: ("BT.601", BT709), 14: ("BT.2020", BT709), 15: ("BT.2020", BT709),
    4: ("gamma 2.2", (2.2,)), 5: ("gamma 2.8", (2.8,)), 8: ("linear", (1.0,)),
    13: ("sRGB", (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)),
}  # fmt: skip
NAMES = {(1, 13): "sRGB", (12, 13): "Display P3"}
D50 = np.array([0.9642, 1.0, 0.8249])  # white of the space between profiles
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def profile_of(colours: tuple[int, int], gray: bool) -> bytes | None:
    """The bytes of a profile; None where none can say what these numbers mean.

    Args:
        colours: primaries and transfer function.
        gray: for pictures of one channel, besides transparency.
    """
    if colours[0] not in PRIMARIES or colours[1] not in TRANSFERS:
        return None
    (space, corners, white), (curve, parameters) = PRIMARIES[colours[0]], TRANSFERS[colours[1]]
    adaptation = _adaptation(white)
    kind, tone = (0 if len(parameters) == 1 else 3), _numbers(*parameters)
    trc = b"para" + struct.pack(">IHH", 0, kind, 0) + tone
    tags = {
        b"desc": _text(NAMES.get(colours, f"{space}, {curve}")),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": b"XYZ \0\0\0\0" + _numbers(*D50),
        b"chad": b"sf32\0\0\0\0" + _numbers(*adaptation.ravel()),
        b"cicp": b"cicp\0\0\0\0" + bytes([*colours, 0, 1]),  # RGB, full range
    }
    if gray:
        tags[b"kTRC"] = trc
    else:
        matrix = adaptation @ _to_xyz(corners, white)
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), matrix.T, strict=True):
            tags[name] = b"XYZ \0\0\0\0" + _numbers(*column)
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), trc)
    return _file(tags, b"GRAY" if gray else b"RGB ")


def _xyz(x: float, y: float) -> Array:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _to_xyz(corners: tuple[tuple[float, float], ...], white: tuple[float, float]) -> Array:
    """The matrix 3 3 from linear RGB to XYZ, in which 1 1 1 is white."""
    columns = np.stack([_xyz(*corner) for corner in corners], 1)
    return columns * np.linalg.solve(columns, _xyz(*white))


def _adaptation(white: tuple[float, float]) -> Array:
    """The matrix 3 3 of XYZ by which this white becomes D50 (Bradford, ICC.1:2022 annex E)."""
    gains = (BRADFORD @ D50) / (BRADFORD @ _xyz(*white))
    return np.linalg.inv(BRADFORD) @ (gains[:, None] * BRADFORD)


def _numbers(*values: float) -> bytes:
    """As s15Fixed16Number."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _text(text: str) -> bytes:
    """As multiLocalizedUnicodeType."""
    data = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">III", 0, 1, 12) + b"enUS" + struct.pack(">II", len(data), 28) + data


def _file(tags: dict[bytes, bytes], space: bytes) -> bytes:
    """Header, table of tags and their contents; equal contents are stored once."""
    table, body, places = struct.pack(">I", len(tags)), b"", dict[bytes, int]()
    begin = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        if content not in places:
            places[content] = begin + len(body)
            body += content + b"\0" * (-len(content) % 4)
        table += name + struct.pack(">II", places[content], len(content))
    made_on = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)  # of no meaning; the same colours give the same bytes
    header = struct.pack(">I4sI4s4s4s", begin + len(body), b"\0" * 4, 0x04400000, b"mntr", space, b"XYZ ") + made_on
    header += b"acsp" + b"\0" * 24 + struct.pack(">I", 1) + _numbers(*D50)  # media-relative colorimetric
    return header.ljust(128, b"\0") + table + body
