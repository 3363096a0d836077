"""Estimation: what happened to a photograph before it came here, seen in its pixels and in the header of its file.

Noise, compression, blur and halos by classical methods, a file each; `presets` says which degradation is nearest.
"""

from .photo import Estimate, of_file, of_image, of_tiles
from .presets import Nearest, nearest

__all__ = ["Estimate", "Nearest", "nearest", "of_file", "of_image", "of_tiles"]
