"""Colours that run over their edges: the chroma of an image blurred and shifted, its luma as it was."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import kernels
from .blur import convolve
from .noise import luma
from .operator import Draw, Interval, Operator, interval, uniform


class ChromaBleeding(Operator):
    """Chroma as it comes out of video tape, of subsampling done twice, or of denoising.

    Other than three channels have no chroma, and stay as they are.

    Args:
        sigma_x, sigma_y: of the Gaussian that blurs it along rows and along columns, in pixels.
        shift: by how much it comes too far to the right, in pixels; negative to the left.
        probability: that it is applied.
    """

    def __init__(
        self,
        sigma_x: Interval = (0.5, 4),
        sigma_y: Interval = (0.3, 2),
        shift: Interval = (-1.5, 1.5),
        probability: float = 1.0,
    ) -> None:
        super().__init__(probability)
        self.sigma_x, self.sigma_y = interval("sigma_x", sigma_x, 0.1), interval("sigma_y", sigma_y, 0.1)
        self.shift = interval("shift", shift)

    def draw(self, random: np.random.Generator) -> Draw:
        return {key: uniform(random, getattr(self, key)) for key in ("sigma_x", "sigma_y", "shift")}

    def forward(self, images: Sequence[Tensor], draws: Sequence[Draw], lr_size: tuple[int, int]) -> list[Tensor]:
        if len(images[0]) != 3:
            return list(images)
        sigmas = [(draw["sigma_x"], draw["sigma_y"]) for draw in draws]
        radii = [max(1, math.ceil(3 * max(both))) for both in sigmas]
        weights = kernels.gaussian([2 * radius + 1 for radius in radii], sigmas, [0.0] * len(draws))
        lumas = [luma(image) for image in images]
        # The differences of the colours to the luma hold the chroma; their weighted sum is zero, blurred or not.
        chromas = convolve([image - y for image, y in zip(images, lumas, strict=True)], weights, radii)
        return [
            (y + shifted(chroma, draw["shift"])).clamp_(0, 1)
            for y, chroma, draw in zip(lumas, chromas, draws, strict=True)
        ]


def shifted(image: Tensor, shift: float) -> Tensor:
    """C h w moved to the right by any number of pixels; its border is continued."""
    margin, width = math.ceil(abs(shift)) + 1, image.shape[-1]
    wide = F.pad(image[None], (margin, margin, 0, 0), mode="replicate")[0]
    start = math.floor(margin - shift)
    before, after = wide[..., start : start + width], wide[..., start + 1 : start + 1 + width]
    return torch.lerp(before, after, margin - shift - start)
