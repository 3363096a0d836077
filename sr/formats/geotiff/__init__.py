"""Scenes: GeoTIFF and JPEG 2000, read and written in windows; what places them is kept."""

from .file import Scene

__all__ = ["Scene"]
