"""Whether and how strongly an image was compressed as JPEG: from the tables of its file, or from its pixels alone.

Fan, de Queiroz: "Identification of bitmap compression history" (IEEE TIP 2003): differences of neighbours are larger
across the borders of blocks than within them, which tells the grid; and on this grid the coefficients of the cosine
transform lie at multiples of what they were divided by, which tells the quality, by its likelihood.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import pi, sqrt
from typing import Any, NamedTuple

import numpy as np

from sr.degradations.jpeg import tables

Array = np.ndarray[Any, np.dtype[Any]]
BLOCK_PX = 8
BLOCKS = 2048  # at most, of which coefficients are compared with tables
SPREAD = 0.45  # of coefficients around a multiple, in levels: decoders round luma, and then red, green and blue
ZERO = 0.5  # levels
STRAY = 0.05  # share of coefficients that lie anywhere: clipped blocks, a second compression
SURE = 60.0  # log-likelihood from which on an image was compressed: 19 clean photos stayed below
QUALITIES = range(5, 97)  # above, hardly any coefficient is divided by more than rounding hides


class Compression(NamedTuple):
    """JPEG as it was found.

    Args:
        quality: 1 to 100, of libjpeg.
        grid: x and y of the first border between blocks, 0 to 7.
        sure: log-likelihood against an image that was not compressed; infinite where the file says it.
    """

    quality: int
    grid: tuple[int, int]
    sure: float


def of_tables(given: Mapping[int, Sequence[int]]) -> int:
    """The quality whose table of luma is nearest to the first one of a file, 64 numbers in rows."""
    table = np.asarray(given[min(given)], float)
    return 1 + int(np.abs(np.log(_tables()[:, 0] / np.maximum(table, 1))).mean(axis=1).argmin())


def of_pixels(planes: Sequence[Array]) -> Compression | None:
    """The compression that is to be seen in the pixels; the coarser one where there were two. None where none is.

    Args:
        planes: parts of the luma, each H W, in levels; their corners lie on one grid of blocks.
    """
    planes = [plane.astype(np.float32, copy=False) for plane in planes if min(plane.shape) >= 3 * BLOCK_PX]
    if not planes:
        return None
    grids = [(left, top) for top in range(BLOCK_PX) for left in range(BLOCK_PX)]
    best = _likeliest(planes, max(grids, key=lambda grid: _zeros(planes, grid)))
    return best if best.sure > SURE else None


def _zeros(planes: Sequence[Array], grid: tuple[int, int]) -> float:
    """Share of the coefficients that are zero, but for rounding: on the grid of a compression more than elsewhere."""
    return float((np.abs(_sample(planes, grid)) < ZERO).mean())


def _sample(planes: Sequence[Array], grid: tuple[int, int]) -> Array:
    """Coefficients of at most `BLOCKS` blocks, without the mean of each."""
    found = np.concatenate([_coefficients(plane, grid) for plane in planes])
    return found[:: -(-len(found) // BLOCKS), 1:]


def _likeliest(planes: Sequence[Array], grid: tuple[int, int]) -> Compression:
    coefficients = _sample(planes, grid)
    found = [_log_likelihood(coefficients, _tables()[quality - 1, 0, 1:]) for quality in QUALITIES]
    best = int(np.argmax(found))
    return Compression(QUALITIES[best], grid, float(found[best]))


def _coefficients(plane: Array, grid: tuple[int, int]) -> Array:
    """Blocks x 64."""
    left, top = grid
    height, width = ((size - at) // BLOCK_PX * BLOCK_PX for size, at in zip(plane.shape, (top, left), strict=True))
    blocks = plane[top : top + height, left : left + width].reshape(height // BLOCK_PX, BLOCK_PX, -1, BLOCK_PX)
    transform = _cosines()
    return (transform @ blocks.transpose(0, 2, 1, 3) @ transform.T).reshape(-1, BLOCK_PX**2)


def _log_likelihood(coefficients: Array, divisors: Array) -> float:
    """Of multiples of the divisors that are spread by rounding, against a smooth density: Fan's equation 13.

    Coefficients of zero say nothing: those of a flat image are all zero.
    """
    multiples = np.rint(coefficients / divisors)
    told = (multiples != 0) & (divisors > 2 * SPREAD)
    away = (coefficients - multiples * divisors)[told]
    dense = np.broadcast_to(divisors, told.shape)[told] / (SPREAD * sqrt(2 * pi)) * np.exp(-(away**2) / (2 * SPREAD**2))
    return float(np.log((1 - STRAY) * dense + STRAY).sum())


@lru_cache(maxsize=1)
def _tables() -> Array:
    """Of qualities 1 to 100: luma and chroma, 100 x 2 x 64."""
    return np.stack([tables(quality).numpy() for quality in range(1, 101)]).astype(np.float32)


@lru_cache(maxsize=1)
def _cosines() -> Array:
    """The orthonormal cosine transform, 8 x 8."""
    k, x = np.mgrid[:BLOCK_PX, :BLOCK_PX]
    matrix = np.cos((2 * x + 1) * k * pi / (2 * BLOCK_PX)) * sqrt(2 / BLOCK_PX)
    matrix[0] /= sqrt(2)
    return matrix.astype(np.float32)
