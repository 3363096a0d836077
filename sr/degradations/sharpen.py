"""Unsharp masking (USM), as photo editors, cameras and Real-ESRGAN's targets have it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from . import kernels
from .blur import convolve
from .operator import Draw, Interval, Operator, interval, uniform


def unsharp(
    images: Sequence[Tensor],
    sigmas: Sequence[float],
    amounts: Sequence[float],
    radii: Sequence[int] | None = None,
    threshold: float = 0.0,
) -> list[Tensor]:
    """Add to each image what a Gaussian blur takes from it.

    Args:
        images: C h w in [0, 1].
        sigmas: of the blur, in pixels.
        amounts: how much is added.
        radii: of the blur's kernel, in pixels; three sigmas unless given.
        threshold: differences up to so many levels of 8 bits are left alone; between the parts that are and that are
            not the result fades, over the width of the blur.
    """
    radii = radii or [max(1, round(3 * sigma)) for sigma in sigmas]
    weights = kernels.gaussian([2 * radius + 1 for radius in radii], [(s, s) for s in sigmas], [0.0] * len(radii))
    details = [image - blurred for image, blurred in zip(images, convolve(images, weights, radii), strict=True)]
    sharp = [
        (image + amount * detail).clamp_(0, 1) for image, detail, amount in zip(images, details, amounts, strict=True)
    ]
    if threshold == 0:
        return sharp
    masks = convolve([(255 * detail.abs() > threshold).to(detail) for detail in details], weights, radii)
    return [image + mask * (one - image) for image, mask, one in zip(images, masks, sharp, strict=True)]


class USM:
    """Sharpens targets as Real-ESRGAN does.

    Args:
        radius: of the Gaussian kernel, in pixels; its sigma is what OpenCV takes for that.
        amount: how much detail is added.
        threshold: in levels of 8 bits; smaller differences are left alone.
    """

    def __init__(self, radius: int = 25, amount: float = 0.5, threshold: float = 10) -> None:
        self.radius, self.amount, self.threshold = radius, amount, threshold

    def __call__(self, hr: Tensor) -> Tensor:
        """N C H W in [0, 1] to the same, sharpened."""
        n = len(hr)
        sigma = 0.3 * (self.radius - 1) + 0.8  # of cv2.getGaussianKernel(2 radius + 1, 0)
        return torch.stack(unsharp(list(hr), [sigma] * n, [self.amount] * n, [self.radius] * n, self.threshold))


class Sharpen(Operator):
    """Unsharp masking of a random strength, as a step of a chain.

    Args:
        sigma: of the blur, in pixels.
        amount: how much detail is added.
        twice: probability that the result is sharpened again, as by a camera and then by an app: halos.
        probability: that it is applied.
    """

    def __init__(
        self,
        sigma: Interval = (0.5, 2),
        amount: Interval = (0.3, 1.5),
        twice: float = 0.0,
        probability: float = 1.0,
    ) -> None:
        super().__init__(probability)
        self.sigma, self.amount, self.twice = interval("sigma", sigma, 0.1), interval("amount", amount, 0), twice

    def draw(self, random: np.random.Generator) -> Draw:
        draw: Draw = {"sigma": uniform(random, self.sigma), "amount": uniform(random, self.amount)}
        if self.twice and random.random() < self.twice:
            draw |= {"sigma_2": uniform(random, self.sigma), "amount_2": uniform(random, self.amount)}
        return draw

    def forward(self, images: Sequence[Tensor], draws: Sequence[Draw], lr_size: tuple[int, int]) -> list[Tensor]:
        sharp = unsharp(images, [draw["sigma"] for draw in draws], [draw["amount"] for draw in draws])
        again = [i for i, draw in enumerate(draws) if "amount_2" in draw]
        if again:
            sigmas, amounts = ([draws[i][key] for i in again] for key in ("sigma_2", "amount_2"))
            for i, one in zip(again, unsharp([sharp[i] for i in again], sigmas, amounts), strict=True):
                sharp[i] = one
        return sharp
