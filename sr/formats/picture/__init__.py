"""PNG, JPEG, WebP, BMP, TIFF, AVIF, HEIC: 8 to 16 bits, TIFF also float; gray, RGB, alpha, N bands; and metadata."""

from .file import Picture
from .limits import refuse_bombs
from .meta import Meta
from .suffixes import SUFFIXES
from .writing import refuse, write

__all__ = ["SUFFIXES", "Meta", "Picture", "refuse", "refuse_bombs", "write"]
