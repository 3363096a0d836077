"""Pixels that are missing: not a number while they are computed with, a value of their own in the file."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Array = np.ndarray[Any, np.dtype[Any]]
FILL_PX = 16  # how far what is missing is filled from its neighbours


def masked(pixels: Array, missing: Array) -> Array:
    """As float, exactly, and not a number where they are missing."""
    exact = np.float32 if pixels.dtype.itemsize <= 2 or pixels.dtype == np.float32 else np.float64
    return np.where(missing, exact(np.nan), pixels.astype(exact))


def stored(pixels: Array, dtype: np.dtype[Any], value: float | None) -> Array:
    """As a file of this type holds them: rounded, `value` (or 0) where they are missing, and nowhere else."""
    missing = np.isnan(pixels) if pixels.dtype.kind == "f" else np.zeros(pixels.shape, bool)
    if dtype.kind == "f":
        made = np.where(missing, np.nan if value is None else value, pixels).astype(dtype)
        if value is not None:
            # GDAL takes some neighbours in floating point for the same.
            beside = value * (1 - 8 * float(np.finfo(dtype).eps)) if value else np.finfo(dtype).tiny
            made[~missing & np.isclose(made, value, float(np.finfo(dtype).eps) * 4, 0)] = beside
        return made
    info = np.iinfo(dtype)
    # float32 holds the largest of 32 bits rounded up alone, which would come out as the least
    exact = pixels.astype(np.float64) if pixels.dtype.kind == "f" else pixels
    made = np.where(missing, 0, exact).round().clip(info.min, info.max).astype(dtype)
    if value is not None and info.min <= value <= info.max:
        made[~missing & (made == value)] = value + 1 if value < info.max else value - 1
        made[missing] = value
    return made


def filled(image: Tensor, missing: Tensor, else_: float = 0.5) -> Tensor:
    """N C H W in which what is missing has the mean of its neighbours, ring by ring, so that no edge is seen where
    data end; `else_` where no neighbour is near.
    """
    known = (~missing).to(image.dtype)
    image = torch.where(missing, 0.0, image)
    for _ in range(FILL_PX):
        near = F.avg_pool2d(known, 3, 1, 1)
        means = F.avg_pool2d(image, 3, 1, 1) / near.clamp(min=1e-6)
        fresh = (near > 0) & (known == 0)
        if not fresh.any():
            break
        image = torch.where(fresh, means, image)
        known = torch.where(fresh, 1.0, known)
    return torch.where(known == 0, else_, image)
