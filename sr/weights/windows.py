"""Networks that take images of one size alone: larger ones in windows of that size, which fade into each other."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .model import Run

OVERLAP_PX = 32  # of neighbouring windows, or a quarter of small ones
LEAST = 1e-3  # weight of the outermost pixels: all there is at the edges of the image


def of_any_size(run: Run, height: int, width: int, scale: int) -> Run:
    """A network for images of any size.

    Args:
        run: N C height width to N C s*height s*width.
        height, width: that it takes.
        scale: s.

    Returns:
        N C H W to N C sH sW. Smaller images are continued at their edges.
    """
    overlaps = min(OVERLAP_PX, height // 4), min(OVERLAP_PX, width // 4)
    row, column = (
        _fade(side * scale, overlap * scale) for side, overlap in zip((height, width), overlaps, strict=True)
    )

    def images(lr: Tensor) -> Tensor:
        short, narrow = max(height - lr.shape[-2], 0), max(width - lr.shape[-1], 0)
        padded = F.pad(lr, (0, narrow, 0, short), "replicate")
        share = (row[:, None] * column).to(lr.device)
        sr = weight = torch.empty(0)
        for top in _starts(padded.shape[-2], height, overlaps[0]):
            for left in _starts(padded.shape[-1], width, overlaps[1]):
                window = padded[..., top : top + height, left : left + width]
                made = run(window)
                if not len(sr):
                    sr = made.new_zeros(*made.shape[:2], padded.shape[-2] * scale, padded.shape[-1] * scale)
                    weight = sr.new_zeros(sr.shape[-2:])
                part = slice(top * scale, (top + height) * scale), slice(left * scale, (left + width) * scale)
                sr[..., part[0], part[1]] += made * share
                weight[part] += share
        return (sr / weight)[..., : lr.shape[-2] * scale, : lr.shape[-1] * scale]

    return images


def _starts(length: int, size: int, overlap: int) -> list[int]:
    """Where windows begin; the last one ends with the image."""
    return [*range(0, length - size, size - overlap), length - size]


def _fade(size: int, overlap: int) -> Tensor:
    """The weight of a window along one side: next to nothing where it has seen too little around, then rising to 1."""
    at = torch.arange(size) + 0.5
    return ((torch.minimum(at, size - at) - overlap / 4) / max(overlap / 2, 1)).clamp(LEAST, 1)
