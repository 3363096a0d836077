"""Which files are DICOM: by their suffix, or by their first bytes."""

import struct
from pathlib import Path
from typing import BinaryIO

from ..base import is_named

SUFFIXES = frozenset({".dcm", ".dicom", ".ima"})  # of what is written; scanners name files in many other ways
FIRST_GROUPS = (2, 8)  # of which the first element is, where there is no preamble


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM; one of another name is opened to see."""
    if is_named(path, SUFFIXES):
        return True
    try:
        with open(path, "rb") as file:
            return begins_as_dicom(file)
    except OSError:
        return False


def begins_as_dicom(handle: BinaryIO) -> bool:
    """128 bytes of anything, then DICM (PS3.10, 7.1); or without these, as older files are, at once an element."""
    head = handle.read(132)
    if head[128:] == b"DICM":
        return True
    if len(head) < 132:
        return False
    for order in "<>":
        group, element, length = struct.unpack(f"{order}HHL", head[:8])
        kind = head[4:6].decode("latin-1")  # of values, where it is written; otherwise their length
        known = (kind.isascii() and kind.isalpha() and kind.isupper()) or (length <= 128 and length % 2 == 0)
        if group in FIRST_GROUPS and element <= 0x20 and known:
            return True
    return False
