"""Missing pixels: NaN while they are computed with, a reserved value in the file. And colours that nobody sees."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .base import Array

FILL_PX = 16  # how far missing pixels are filled from their neighbours
VISIBLE = 1.5 / 255  # opacity from which a colour is seen: with less it changes what lies below by one level at most


def masked(pixels: Array, missing: Array) -> Array:
    """The same numbers as floats, with NaN where `missing`: float32 for types of up to 16 bits, float64 for larger."""
    exact = np.float32 if pixels.dtype.itemsize <= 2 or pixels.dtype == np.float32 else np.float64
    return np.where(missing, exact(np.nan), pixels.astype(exact))


def stored(pixels: Array, dtype: np.dtype[Any], value: float | None) -> Array:
    """Pixels in the type of a file, rounded and clipped.

    Args:
        pixels: of any shape; NaN where they are missing.
        dtype: of the file.
        value: for missing pixels; others that would equal it are moved to a neighbouring value. Without it, missing
            pixels are 0 in integers, and stay NaN in floats.
    """
    missing = np.isnan(pixels) if pixels.dtype.kind == "f" else np.zeros(pixels.shape, bool)
    if dtype.kind == "f":
        made = np.where(missing, np.nan if value is None else value, pixels).astype(dtype)
        if value is not None:
            # GDAL takes floats this near to the value for missing too.
            beside = value * (1 - 8 * float(np.finfo(dtype).eps)) if value else np.finfo(dtype).tiny
            made[~missing & np.isclose(made, value, float(np.finfo(dtype).eps) * 4, 0)] = beside
        return made
    info = np.iinfo(dtype)
    # float32 rounds the largest integer of 32 bits up, which would overflow to the smallest
    exact = pixels.astype(np.float64) if pixels.dtype.kind == "f" else pixels
    made = np.where(missing, 0, exact).round().clip(info.min, info.max).astype(dtype)
    if value is not None and info.min <= value <= info.max:
        made[~missing & (made == value)] = value + 1 if value < info.max else value - 1
        made[missing] = value
    return made


def filled(image: Tensor, missing: Tensor, else_: float = 0.5) -> Tensor:
    """Fill missing pixels with the mean of their neighbours, ring by ring, so that the data has no sharp border.

    Args:
        image: N C H W.
        missing: of the same shape, or with one channel for all; true where a pixel is missing.
        else_: value of pixels farther than `FILL_PX` from any known one.
    """
    height, width = image.shape[-2:]
    masks = missing.reshape(-1, height, width)
    groups = torch.where(missing, 0.0, image).reshape(len(masks), -1, height, width)
    # A frame of one pixel that is never known, and all masks in a row: neighbours lie at the same distances everywhere.
    inside, known = F.pad(torch.ones_like(masks), (1, 1, 1, 1)).flatten(), F.pad(~masks, (1, 1, 1, 1))
    values = F.pad(groups, (1, 1, 1, 1)).transpose(0, 1).flatten(1)
    row = width + 2
    around = torch.tensor([dy * row + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx], device=image.device)
    near = F.max_pool2d(known[:, None].to(image.dtype), 3, 1, 1)[:, 0].flatten() > 0
    known = known.flatten()
    ring = (near & inside & ~known).nonzero()[:, 0]
    for _ in range(FILL_PX):
        if not len(ring):
            break
        beside = ring + around[:, None]
        sure = known[beside].to(image.dtype)
        values[:, ring] = (values[:, beside] * sure).sum(1) / sure.sum(0)
        known[ring] = True
        beside = beside.unique()
        ring = beside[inside[beside] & ~known[beside]]
    made = torch.where(known, values, else_).reshape(-1, len(masks), height + 2, row)
    return made.transpose(0, 1)[..., 1:-1, 1:-1].reshape(image.shape)


def without_hidden_colours(image: Tensor) -> Tensor:
    """Fill colours under full transparency from visible ones, so that none of them bleeds into what is seen.

    Args:
        image: N C H W, whose last channel is transparency, 0..1; an image in which nothing is visible stays as it is.
    """
    hidden = image[:, -1:] < VISIBLE
    hidden &= ~hidden.flatten(1).all(1)[:, None, None, None]
    return torch.cat([filled(image[:, :-1], hidden), image[:, -1:]], 1) if hidden.any() else image
