"""Equal to OpenCV's resize with INTER_AREA, INTER_LINEAR and INTER_CUBIC in floating point; to any size."""

from collections.abc import Mapping
from functools import lru_cache
from math import ceil

import numpy as np
import torch
from torch import Tensor

from sr.errors import UserError
from sr.image.resize import cubic, resize_to

from .operator import Draw, Interval, Operator, interval, pick, shares, uniform

FEW = 6  # taps up to which summing them is faster than a matrix
METHODS = ("area", "bilinear", "bicubic", "antialiased", "lanczos")
LOBES = 3  # of the Lanczos kernel on each side
EQUALLY = {"area": 1.0, "bilinear": 1.0, "bicubic": 1.0}


def resized(image: Tensor, height: int, width: int, method: str) -> Tensor:
    """... C h w to ... C height width.

    Args:
        image: float32.
        height, width: of the result.
        method: area (the mean of what a new pixel covers), bilinear, bicubic (a = -0.75), both without antialiasing as
            in OpenCV; antialiased: MATLAB's and Pillow's bicubic (a = -0.5), as browsers and image editors shrink;
            lanczos: Pillow's and ImageMagick's, antialiased, which rings.
    """
    if image.shape[-2:] == (height, width):
        return image
    if method == "antialiased":
        return resize_to(image, height, width)
    rows = _resized_rows(image, height, method)
    if rows.shape[-1] == width:
        return rows
    # Of a matrix the transpose is several times faster than of a stack of them.
    columns = rows.reshape(-1, rows.shape[-1]).t().contiguous()
    return _resized_rows(columns, width, method).t().contiguous().view(*rows.shape[:-1], width)


def _resized_rows(image: Tensor, out: int, method: str) -> Tensor:
    size = image.shape[-2]
    if size == out:
        return image
    index, weights = _taps(size, out, method, image.device)
    if len(index) > FEW:
        matrix = torch.zeros(out, size, device=image.device).scatter_add_(1, index.T, weights[..., 0].T)
        return matrix.to(image.dtype) @ image
    result = image.index_select(-2, index[0]) * weights[0].to(image.dtype)
    for one, weight in zip(index[1:], weights[1:], strict=True):
        result = torch.addcmul(result, image.index_select(-2, one), weight.to(image.dtype))
    return result


@lru_cache(maxsize=1024)
def _taps(size: int, out: int, method: str, device: torch.device) -> tuple[Tensor, Tensor]:
    """Which old pixels make each of the `out` new ones, taps x out, and with which weights, taps x out x 1."""
    step = size / out
    if method == "area":
        low = np.arange(out) * step
        index = np.floor(low) + np.arange(ceil(step) + 1)[:, None]
        weights = (np.minimum(low + step, index + 1) - np.maximum(low, index)).clip(min=0) / step
    elif method == "lanczos":
        centre, wide = (np.arange(out) + 0.5) * step - 0.5, max(step, 1)
        index = np.ceil(centre - LOBES * wide) + np.arange(ceil(2 * LOBES * wide) + 1)[:, None]
        away = (centre - index) / wide
        weights = np.where(abs(away) < LOBES, np.sinc(away) * np.sinc(away / LOBES), 0)
        weights /= weights.sum(0)
    else:
        centre = (np.arange(out) + 0.5) * step - 0.5
        first = np.floor(centre)
        index = first + (np.arange(2) if method == "bilinear" else np.arange(-1, 3))[:, None]
        away = centre - index
        weights = 1 - abs(away) if method == "bilinear" else cubic(torch.from_numpy(away), a=-0.75).numpy()
    with torch.inference_mode(False):  # the cache outlives the mode
        kept = torch.from_numpy(index.clip(0, size - 1).astype(np.int64)).to(device)
        return kept, torch.from_numpy(weights.astype(np.float32))[..., None].to(device)


class Resize(Operator):
    """Resize by a random factor and method.

    Args:
        factor: the smallest and the largest; null resizes to the size of lr.
        divisor: drawn in place of the factor, which is one over it.
        directions: up, down and keep, how likely: a factor between 1 and the largest, between the smallest and 1, or 1;
            null draws from the whole interval.
        methods: area, bilinear, bicubic, antialiased, lanczos: how likely.
        of: what the factor applies to: the image as it comes, or lr.
        probability: that it is applied.
    """

    def __init__(
        self,
        factor: Interval | None = None,
        directions: Mapping[str, float] | None = None,
        methods: Mapping[str, float] = EQUALLY,
        of: str = "image",
        divisor: Interval | None = None,
        probability: float = 1.0,
    ) -> None:
        super().__init__(probability)
        if of not in ("image", "lr"):
            raise UserError(f"of={of}; give image or lr")
        self.of = "lr" if factor is None and divisor is None else of
        self.factor = interval("factor", factor or (1, 1), 1e-3)
        self.divisor = interval("divisor", divisor, 1e-3) if divisor else None
        self.directions = shares("directions", directions, ("up", "down", "keep")) if directions else None
        self.methods = shares("methods", methods, METHODS)

    def draw(self, random: np.random.Generator) -> Draw:
        low, high = self.factor
        direction = pick(random, self.directions) if self.directions else ""
        ranges = {"up": (1.0, max(1.0, high)), "down": (min(low, 1.0), 1.0), "keep": (1.0, 1.0)}
        factor = (
            1 / uniform(random, self.divisor) if self.divisor else uniform(random, ranges.get(direction, (low, high)))
        )
        return {"factor": factor, "of": self.of, "method": pick(random, self.methods)}

    def alone(self, image: Tensor, draw: Draw, lr_size: tuple[int, int]) -> Tensor:
        of = lr_size if draw["of"] == "lr" else image.shape[-2:]
        height, width = (max(1, int(size * draw["factor"])) for size in of)
        return resized(image, height, width, draw["method"])
