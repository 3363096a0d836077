"""Equal to OpenCV's bilateralFilter in floating point: cameras denoise so, and lose texture."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .blur import mirrored
from .operator import Draw, Interval, Operator, at_once, column, interval, uniform

LEAST_NOISE = 0.5 / 255  # what rounding to 8 bits leaves


def bilateral(images: Sequence[Tensor], sigmas: Sequence[float], widths: Sequence[float]) -> list[Tensor]:
    """The mean of what is near and alike (Tomasi & Manduchi, ICCV 1998).

    Args:
        images: C h w in [0, 1]; mirrored beyond the border.
        sigmas: of the Gaussian of differences, summed over the channels.
        widths: sigmas of the Gaussian of distances, in pixels; it reaches one and a half of them.
    """
    radii = [max(1, round(1.5 * width)) for width in widths]

    def smoothed(x: Tensor, chosen: list[int]) -> Tensor:
        reach = max(radii[i] for i in chosen)
        wide = mirrored(x, reach)
        alike = column([-0.5 / sigmas[i] ** 2 for i in chosen], x)
        near = column([-0.5 / widths[i] ** 2 for i in chosen], x)
        reaches = column([radii[i] for i in chosen], x)
        total, weights = torch.zeros_like(x), torch.zeros_like(x[:, :1])
        height, width = x.shape[-2:]
        for down in range(-reach, reach + 1):
            for right in range(-reach, reach + 1):
                squared = down**2 + right**2
                if squared > reach**2:
                    continue
                other = wide[..., reach + down :, reach + right :][..., :height, :width]
                difference = (other - x).abs_().sum(1, keepdim=True)
                weight = (difference.square_() * alike + squared * near).exp_() * (reaches**2 >= squared)
                total.addcmul_(other, weight)
                weights += weight
        return total / weights

    return at_once(images, smoothed)


def noise_level(image: Tensor) -> float:
    """Deviation of the white noise of C h w, over all its channels; fine texture counts as noise (Immerkær, 1996)."""
    if min(image.shape[-2:]) < 3:
        return 0.0
    mask = image.new_tensor([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])[None, None]
    return math.sqrt(math.pi / 2) / 6 * F.conv2d(image[:, None], mask).abs().mean().item()


class Denoise(Operator):
    """Denoising as strong as the noise asks for, or less or more: noise is left, or texture goes with it.

    Args:
        strength: of the differences that are smoothed, in those that noise makes.
        width: over how many pixels, as a sigma.
        probability: that it is applied.
    """

    def __init__(self, strength: Interval = (0.3, 2), width: Interval = (0.7, 2), probability: float = 1.0) -> None:
        super().__init__(probability)
        self.strength, self.width = interval("strength", strength, 0.01), interval("width", width, 0.1)

    def draw(self, random: np.random.Generator) -> Draw:
        return {"strength": uniform(random, self.strength), "width": uniform(random, self.width)}

    def forward(self, images: Sequence[Tensor], draws: Sequence[Draw], lr_size: tuple[int, int]) -> list[Tensor]:
        # Two values with white noise are apart by 2 / sqrt(pi) of its deviation, in each channel, in the mean.
        unit = [2 / math.sqrt(math.pi) * len(image) * max(noise_level(image), LEAST_NOISE) for image in images]
        sigmas = [draw["strength"] * one for draw, one in zip(draws, unit, strict=True)]
        return bilateral(images, sigmas, [draw["width"] for draw in draws])
