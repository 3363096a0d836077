"""Noise of a level of its own for each image: Gaussian, Poisson; as in Real-ESRGAN."""

from functools import lru_cache
from math import ceil, sqrt

import numpy as np
import torch
from torch import Tensor

from sr.image.color import FULL_SWING

from .operator import Draw, Interval, Operator, interval, pick, seed_of, seeded, shares, to_levels, uniform

QUANTILES = 1024
KINDS = ("colour", "gray", "correlated")


class GaussianNoise(Operator):
    """White noise.

    Args:
        sigma: in levels of 8 bits.
        gray: probability that all channels of an image have the same noise.
        correlated: probability that three channels have noise of any correlation, of the largest sigma, as in BSRGAN.
        probability: that it is applied.
    """

    def __init__(
        self, sigma: Interval = (1, 30), gray: float = 0.0, correlated: float = 0.0, probability: float = 1.0
    ) -> None:
        super().__init__(probability)
        self.sigma = interval("sigma", sigma, 0)
        self.kinds = shares("gray, correlated", {"gray": gray, "correlated": correlated,
                                                 "colour": max(0.0, 1 - gray - correlated)}, KINDS)  # fmt: skip

    def draw(self, random: np.random.Generator) -> Draw:
        draw: Draw = {"sigma": uniform(random, self.sigma), "kind": pick(random, self.kinds), "seed": seed_of(random)}
        if draw["kind"] == "correlated":
            axes = np.linalg.svd(random.random((3, 3)))[0]
            covariance = abs(axes.T @ np.diag(random.random(3)) @ axes)
            _, scales, rows = np.linalg.svd(covariance)
            draw |= {"sigma": float(self.sigma[1]), "mix": (np.sqrt(scales)[:, None] * rows).T.tolist()}
        return draw

    def alone(self, image: Tensor, draw: Draw, lr_size: tuple[int, int]) -> Tensor:
        shape = (1, *image.shape[1:]) if draw["kind"] == "gray" else image.shape
        noise = torch.randn(shape, generator=seeded(draw, image.device), device=image.device)
        if draw["kind"] == "correlated" and len(image) == 3:
            noise = (torch.tensor(draw["mix"], device=image.device) @ noise.flatten(1)).view_as(image)
        return torch.add(image, noise, alpha=draw["sigma"] / 255).clamp_(0, 1)


class PoissonNoise(Operator):
    """Noise of the counting of light: its variance grows with the brightness.

    As in Real-ESRGAN an image counts as many photons at white as it has levels of 8 bits, rounded up to a power of two;
    the noise of that count is scaled and added.

    Args:
        scale: what the noise is multiplied by.
        gray: probability that all channels of an image have the same noise, that of the luma.
        probability: that it is applied.
    """

    def __init__(self, scale: Interval = (0.05, 3), gray: float = 0.0, probability: float = 1.0) -> None:
        super().__init__(probability)
        self.scale, self.gray = interval("scale", scale, 0), gray

    def draw(self, random: np.random.Generator) -> Draw:
        return {"scale": uniform(random, self.scale), "gray": random.random() < self.gray, "seed": seed_of(random)}

    def alone(self, image: Tensor, draw: Draw, lr_size: tuple[int, int]) -> Tensor:
        noise = poisson(luma(image) if draw["gray"] else image, seeded(draw, image.device))
        return torch.add(image, noise, alpha=draw["scale"]).clamp_(0, 1)


def luma(image: Tensor) -> Tensor:
    """C h w to 1 h w: BT.601 of three channels, otherwise the mean."""
    if image.shape[0] != 3:
        return image.mean(0, keepdim=True)
    red, green, blue = image.detach()
    of_red, of_green, of_blue = FULL_SWING
    return (of_red * red).add_(green, alpha=of_green).add_(blue, alpha=of_blue)[None]


def poisson(image: Tensor, generator: torch.Generator) -> Tensor:
    """What counting photons adds to an image, in its range.

    Drawn by inverting distribution functions tabulated at 1024 probabilities: several times faster than rejection, with
    one random number a pixel on every device.
    """
    level = to_levels(image).int()
    levels = (torch.bincount(level.flatten(), minlength=256) > 0).sum()
    photons = 2 ** (levels - 0.5).clamp(min=1).log2().ceil()  # the power of two from there on
    which = photons.log2().int()
    uniform = torch.rand(level.shape, generator=generator, device=image.device).mul_(QUANTILES).int()
    index = uniform.add_(level, alpha=QUANTILES).add_(which * (256 * QUANTILES))
    return _excess(image.device).index_select(0, index.flatten()).view(level.shape).mul(1 / photons)


@lru_cache(maxsize=8)
def _excess(device: torch.device) -> Tensor:
    """Photons above the mean: at 1, 2 ... 256 photons for white, 256 levels, 1024 probabilities; flat, float32."""
    probability = (np.arange(QUANTILES) + 0.5) / QUANTILES
    tables = []
    for white in 2 ** np.arange(9):
        means = white * np.arange(256) / 255
        counts = np.arange(ceil(white + 6 * sqrt(white) + 8))
        factorials = np.concatenate([[0.0], np.cumsum(np.log(counts[1:]))])
        logs = counts * np.log(np.maximum(means, 1e-300))[:, None] - means[:, None] - factorials
        functions = np.exp(logs).cumsum(1)
        tables.append([np.searchsorted(row, probability) - mean for row, mean in zip(functions, means, strict=True)])
    with torch.inference_mode(False):
        return torch.from_numpy(np.asarray(tables, np.float32).ravel()).to(device)
