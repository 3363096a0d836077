"""DISTS, the distance of structure and texture (`sr.backbones.TextureAndStructure`), averaged over images."""

import torch
from torch import Tensor

from sr.backbones import TextureAndStructure

from .mean import MeanOverImages


class DISTS(MeanOverImages):
    """Mean over images of DISTS; lower is better.

    Args:
        weights, bands: as in `sr.backbones.TextureAndStructure`.
    """

    title = "DISTS (lower)"
    higher_is_better = False
    axis, axis_rank = "perception", 2
    protocol = "DISTS, whole images at their own size, rounded to 8 bits"

    def __init__(self, weights: str | None = None, bands: list[int] | None = None) -> None:
        super().__init__()
        self.distance = TextureAndStructure(weights, bands)

    def score(self, sr: Tensor, hr: Tensor) -> Tensor:  # type: ignore[override]
        with torch.autocast(sr.device.type, enabled=False):
            return self.distance(*((image.clamp(0, 1) * 255).round() / 255 for image in (sr, hr))).double()
