"""Equal to OpenCV's resize with INTER_AREA, INTER_LINEAR and INTER_CUBIC in floating point; to any size."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sr.errors import UserError
from sr.image.resize import resize_to

from .operator import Draw, Interval, Operator, interval, pick, shares, uniform

METHODS = ("area", "bilinear", "bicubic", "antialiased")
EQUALLY = {"area": 1.0, "bilinear": 1.0, "bicubic": 1.0}


def resized(image: Tensor, height: int, width: int, method: str) -> Tensor:
    """... C h w to ... C height width.

    Args:
        image: float32.
        height, width: of the result.
        method: area (the mean of what a new pixel covers), bilinear, bicubic (a = -0.75), both without antialiasing as
            in OpenCV; antialiased: MATLAB's and Pillow's bicubic (a = -0.5), as browsers and image editors shrink.
    """
    if image.shape[-2:] == (height, width):
        return image
    if method == "antialiased":
        return resize_to(image, height, width)
    if method == "area":
        rows = _covered(image.shape[-2], height, image.device)
        return rows @ image @ _covered(image.shape[-1], width, image.device).T
    x = image if image.dim() == 4 else image[None]
    x = F.interpolate(x, (height, width), mode=method, align_corners=False)
    return x if image.dim() == 4 else x[0]


@lru_cache(maxsize=256)
def _covered(size: int, out: int, device: torch.device) -> Tensor:
    """Which part of each of the `out` new pixels lies on each old one: out x size."""
    with torch.inference_mode(False):
        edges = torch.arange(out + 1, dtype=torch.float64) * (size / out)
        old = torch.arange(size, dtype=torch.float64)
        shared = torch.minimum(edges[1:, None], old + 1) - torch.maximum(edges[:-1, None], old)
        return (shared.clamp(min=0) * (out / size)).float().to(device)


class Resize(Operator):
    """Resize by a random factor and method.

    Args:
        factor: the smallest and the largest; null resizes to the size of lr.
        directions: up, down and keep, how likely: a factor between 1 and the largest, between the smallest and 1, or 1;
            null draws from the whole interval.
        methods: area, bilinear, bicubic, antialiased: how likely.
        of: what the factor applies to: the image as it comes, or lr.
        probability: that it is applied.
    """

    def __init__(
        self,
        factor: Interval | None = None,
        directions: Mapping[str, float] | None = None,
        methods: Mapping[str, float] = EQUALLY,
        of: str = "image",
        probability: float = 1.0,
    ) -> None:
        super().__init__(probability)
        if of not in ("image", "lr"):
            raise UserError(f"of={of}; give image or lr")
        self.of = "lr" if factor is None else of
        self.factor = interval("factor", factor or (1, 1), 1e-3)
        self.directions = shares("directions", directions, ("up", "down", "keep")) if directions else None
        self.methods = shares("methods", methods, METHODS)

    def draw(self, random: np.random.Generator) -> Draw:
        low, high = self.factor
        direction = pick(random, self.directions) if self.directions else ""
        ranges = {"up": (1.0, max(1.0, high)), "down": (min(low, 1.0), 1.0), "keep": (1.0, 1.0)}
        factor = uniform(random, ranges.get(direction, (low, high)))
        return {"factor": factor, "of": self.of, "method": pick(random, self.methods)}

    def forward(self, images: Sequence[Tensor], draws: Sequence[Draw], lr_size: tuple[int, int]) -> list[Tensor]:
        result = []
        for image, draw in zip(images, draws, strict=True):
            of = lr_size if draw["of"] == "lr" else image.shape[-2:]
            height, width = (max(1, int(size * draw["factor"])) for size in of)
            result.append(resized(image, height, width, draw["method"]))
        return result
