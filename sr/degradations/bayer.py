"""Equal to colour-demosaicing's bilinear and Malvar (2004) demosaicing: what a Bayer mosaic leaves of a picture."""

from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .blur import mirrored

PATTERNS = ("RGGB", "BGGR", "GRBG", "GBRG")  # colours of the pixels of a 2 x 2 cell, row by row
METHODS = ("bilinear", "malvar")
REACH_PX = 2
# What a missing colour is made of, in eighths: green at red or blue; red or blue at green, from neighbours in the row
# (in the column it is the transpose); red at blue, and blue at red. Malvar, He and Cutler (ICASSP 2004) add how the
# colour that is there curves.
BILINEAR = (
    ((0, 0, 0, 0, 0), (0, 0, 2, 0, 0), (0, 2, 0, 2, 0), (0, 0, 2, 0, 0), (0, 0, 0, 0, 0)),
    ((0, 0, 0, 0, 0), (0, 0, 0, 0, 0), (0, 4, 0, 4, 0), (0, 0, 0, 0, 0), (0, 0, 0, 0, 0)),
    ((0, 0, 0, 0, 0), (0, 2, 0, 2, 0), (0, 0, 0, 0, 0), (0, 2, 0, 2, 0), (0, 0, 0, 0, 0)),
)
MALVAR = (
    ((0, 0, -1, 0, 0), (0, 0, 2, 0, 0), (-1, 2, 4, 2, -1), (0, 0, 2, 0, 0), (0, 0, -1, 0, 0)),
    ((0, 0, 0.5, 0, 0), (0, -1, 0, -1, 0), (-1, 4, 5, 4, -1), (0, -1, 0, -1, 0), (0, 0, 0.5, 0, 0)),
    ((0, 0, -1.5, 0, 0), (0, 2, 0, 2, 0), (-1.5, 0, 6, 0, -1.5), (0, 2, 0, 2, 0), (0, 0, -1.5, 0, 0)),
)


def mosaic(images: Tensor, patterns: Sequence[str]) -> Tensor:
    """N 3 h w to N 1 h w: of each pixel the colour that the pattern has there."""
    return images.gather(1, _tiled([_colours(pattern) for pattern in patterns], images))


def demosaic(raw: Tensor, patterns: Sequence[str], methods: Sequence[str]) -> Tensor:
    """N 1 h w to N 3 h w, each by its own method; mirrored beyond the border, where patterns go on as they are.

    Args:
        raw: one value a pixel.
        patterns: RGGB, BGGR, GRBG or GBRG.
        methods: bilinear or malvar.
    """
    candidates = F.conv2d(mirrored(raw, REACH_PX), _filters(raw.device, raw.dtype))  # N 10 h w
    cells = [_choices(pattern) + 5 * METHODS.index(method) for pattern, method in zip(patterns, methods, strict=True)]
    return candidates.gather(1, _tiled(cells, raw))


def _colours(pattern: str) -> Tensor:
    """1 2 2: 0, 1, 2 for red, green, blue."""
    return torch.tensor(["RGB".index(colour) for colour in pattern]).view(1, 2, 2)


def _choices(pattern: str) -> Tensor:
    """3 2 2: which of the five filters of a method makes a colour at a pixel of a cell."""
    choices = torch.zeros(3, 2, 2, dtype=torch.long)
    for place, there in enumerate(pattern):
        row, column = divmod(place, 2)
        for k, wanted in enumerate("RGB"):
            if wanted == there:
                choice = 0
            elif wanted == "G":
                choice = 1
            elif there == "G":
                choice = 2 if wanted in pattern[2 * row : 2 * row + 2] else 3
            else:
                choice = 4
            choices[k, row, column] = choice
    return choices


def _tiled(cells: Sequence[Tensor], like: Tensor) -> Tensor:
    """N cells of C 2 2 over images, N C h w."""
    height, width = like.shape[-2:]
    rows, columns = -(-height // 2), -(-width // 2)
    return torch.stack(list(cells)).repeat(1, 1, rows, columns)[..., :height, :width].to(like.device)


@lru_cache(maxsize=8)
def _filters(device: torch.device, dtype: torch.dtype) -> Tensor:
    """10 1 5 5: of each method what is there itself, green, along the row, along the column, diagonally."""
    with torch.inference_mode(False):
        itself = torch.zeros(5, 5)
        itself[2, 2] = 8
        every = []
        for green, row, diagonal in (torch.tensor(BILINEAR), torch.tensor(MALVAR)):
            every += [itself, green, row, row.T, diagonal]
        return (torch.stack(every)[:, None] / 8).to(device, dtype)
