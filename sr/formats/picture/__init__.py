"""Still pictures."""

from .file import HEIC, SUFFIXES, Meta, Picture, Unreadable, read, read_with_meta, refuse, refuse_bombs, write

__all__ = [
    "HEIC",
    "SUFFIXES",
    "Meta",
    "Picture",
    "Unreadable",
    "read",
    "read_with_meta",
    "refuse",
    "refuse_bombs",
    "write",
]
