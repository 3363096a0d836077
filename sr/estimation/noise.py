"""The level of white noise in an image, from its smoothest patches.

Liu, Tanaka, Okutomi: "Single-image noise level estimation for blind denoising" (IEEE TIP 2013): the smallest eigenvalue
of the covariance of patches is the variance of the noise, if the patches have little texture. Those are found by turns
with the level: their gradients are no stronger than noise of this level would make them.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import sqrt
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
PATCH_PX = 7
PATCHES = 1 << 17  # at most: more make no difference
TURNS = 3
QUANTILE = 4.7534  # of the normal distribution, at 1 - 1e-6: so few patches of noise alone are taken for texture
LEAST = 4 * PATCH_PX**2  # patches without texture that a covariance needs


def noise_level(planes: Sequence[Array]) -> float:
    """Standard deviation of the noise, in the unit of the pixels; 0 where no patch is free of clipped pixels.

    Args:
        planes: parts of one channel, each H W, in levels of 0 to 255: black and white hide noise, and are left out.
    """
    patches = np.concatenate([_patches(plane) for plane in planes if min(plane.shape) >= PATCH_PX] or [_NONE])
    patches = patches[((patches > 0.5) & (patches < 254.5)).all(axis=1)]
    if len(patches) < LEAST:
        return 0.0
    patches = patches[:: -(-len(patches) // PATCHES)]
    operators, factor = _gradients()
    texture = sum(np.square(patches @ one.T).sum(axis=1) for one in operators)
    variance = _smallest(patches)
    for _ in range(TURNS):
        smooth = patches[texture < variance * factor]
        if len(smooth) < LEAST:
            break
        variance = _smallest(smooth)
    return sqrt(max(variance, 0.0))


_NONE = np.empty((0, PATCH_PX**2), np.float32)


def _patches(plane: Array) -> Array:
    seen = np.lib.stride_tricks.sliding_window_view(plane.astype(np.float32, copy=False), (PATCH_PX, PATCH_PX))
    step = max(round(sqrt(seen.shape[0] * seen.shape[1] / PATCHES)), 1)
    return seen[::step, ::step].reshape(-1, PATCH_PX**2)


def _smallest(patches: Array) -> float:
    centred = patches - patches.mean(axis=0)
    return float(np.linalg.eigvalsh(centred.T.astype(np.float64) @ centred / (len(patches) - 1))[0])


@lru_cache(maxsize=1)
def _gradients() -> tuple[tuple[Array, Array], float]:
    """Central differences of a flattened patch, across and down; and how strong they are at most, for a variance of 1.

    The strength of noise has about a gamma distribution (equation 14); its quantile is Wilson and Hilferty's.
    """
    n = PATCH_PX
    one = np.zeros((n - 2, n))
    for i in range(n - 2):
        one[i, i], one[i, i + 2] = -0.5, 0.5
    across, down = np.kron(np.eye(n), one), np.kron(one, np.eye(n))
    both = across.T @ across + down.T @ down
    freedom, trace = np.linalg.matrix_rank(both), float(np.trace(both))
    ninth = 2 / (9 * freedom)
    factor = trace * (1 - ninth + QUANTILE * sqrt(ninth)) ** 3
    return (across.astype(np.float32), down.astype(np.float32)), factor
