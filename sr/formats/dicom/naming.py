"""Which files are DICOM: by their suffix, or where they have none by their first bytes."""

from pathlib import Path
from typing import BinaryIO

from ..base import has_no_suffix, is_named

SUFFIXES = frozenset({".dcm", ".dicom", ".ima"})


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM; one without a suffix is opened to see."""
    if is_named(path, SUFFIXES) or not has_no_suffix(path):
        return is_named(path, SUFFIXES)
    try:
        with open(path, "rb") as file:
            return begins_as_dicom(file)
    except OSError:
        return False


def begins_as_dicom(handle: BinaryIO) -> bool:
    """128 bytes of anything, then DICM (PS3.10, 7.1)."""
    return handle.read(132)[128:] == b"DICM"
