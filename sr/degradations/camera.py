"""Noise of a camera's sensor in linear light, and its defective pixels (Brooks et al., CVPR 2019)."""

import math

import numpy as np
import torch
from torch import Tensor

from .operator import Draw, Interval, Operator, interval, seed_of, seeded, uniform


class CameraNoise(Operator):
    """Shot and read noise, of the variance shot x + read in linear light.

    Args:
        shot: the noise of counting light, drawn uniformly in its logarithm.
        slope, offset, spread: log read = slope log shot + offset, with a normal deviation; of the Darmstadt set.
        linear: the image holds linear light, as on the sensor of a `Camera`, and not sRGB.
        probability: that it is applied.
    """

    def __init__(
        self,
        shot: Interval = (1e-4, 0.012),
        slope: float = 2.18,
        offset: float = 1.2,
        spread: float = 0.26,
        linear: bool = False,
        probability: float = 1.0,
    ) -> None:
        super().__init__(probability)
        self.shot = interval("shot", shot, 1e-9)
        self.slope, self.offset, self.spread, self.linear = slope, offset, spread, linear

    def draw(self, random: np.random.Generator) -> Draw:
        log_shot = uniform(random, [math.log(end) for end in self.shot])
        log_read = self.slope * log_shot + self.offset + self.spread * float(random.standard_normal())
        return {"shot": math.exp(log_shot), "read": math.exp(log_read), "seed": seed_of(random)}

    def alone(self, image: Tensor, draw: Draw, lr_size: tuple[int, int]) -> Tensor:
        light = image if self.linear else to_linear(image)
        noise = torch.randn(image.shape, generator=seeded(draw, image.device), device=image.device)
        light = (light + (draw["shot"] * light + draw["read"]).sqrt() * noise).clamp_(0, 1)
        return light if self.linear else to_srgb(light)


def to_linear(image: Tensor) -> Tensor:
    """SRGB in [0, 1] to light (IEC 61966-2-1)."""
    return torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)


def to_srgb(light: Tensor) -> Tensor:
    """The inverse."""
    return torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light.clamp(min=1e-6) ** (1 / 2.4) - 0.055)


class BadPixels(Operator):
    """Dead and hot pixels: black or white in one channel.

    Args:
        share: of all values, drawn uniformly.
        hot: the part of them that is white.
        probability: that it is applied.
    """

    def __init__(self, share: Interval = (0, 1e-3), hot: float = 0.7, probability: float = 1.0) -> None:
        super().__init__(probability)
        self.share, self.hot = interval("share", share, 0, 1), hot

    def draw(self, random: np.random.Generator) -> Draw:
        return {"share": uniform(random, self.share), "seed": seed_of(random)}

    def alone(self, image: Tensor, draw: Draw, lr_size: tuple[int, int]) -> Tensor:
        fate = torch.rand(image.shape, generator=seeded(draw, image.device), device=image.device)
        hot, bad = fate < self.hot * draw["share"], fate < draw["share"]
        return torch.where(bad, hot.to(image), image)
