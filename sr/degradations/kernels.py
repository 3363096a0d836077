"""Blur kernels, N k k, each of its own size and shape: Gaussian, generalised Gaussian, plateau, sinc, disc, line.

The kernels of Real-ESRGAN (Wang et al., ICCVW 2021; shapes after Liu et al., TIP 2020) and BSRGAN, of optics and of
motion. All sum to 1, and are zero outside of their own k x k pixels where the array is larger.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def gaussian(
    sizes: Sequence[int], sigmas: Sequence[tuple[float, float]], angles: Sequence[float], shape: Sequence[float] = ()
) -> Tensor:
    """exp(-q^b / 2), q = the squared distance in units of sigma along the two axes; b = 1 is the Gaussian.

    Args:
        sizes: odd, of each kernel; the array has the largest.
        sigmas: along the two axes, in pixels.
        angles: of the first axis to the right, clockwise in an image, in radians.
        shape: b; 1 unless given.
    """
    return _normalised(torch.exp(-0.5 * _powers(sizes, sigmas, angles, shape)), sizes)


def plateau(
    sizes: Sequence[int], sigmas: Sequence[tuple[float, float]], angles: Sequence[float], shape: Sequence[float]
) -> Tensor:
    """1 / (1 + q^b), with arguments as those of `gaussian`: flat in the middle, heavy tails."""
    return _normalised(1 / (1 + _powers(sizes, sigmas, angles, shape)), sizes)


def sinc(sizes: Sequence[int], cutoffs: Sequence[float]) -> Tensor:
    """The ideal circular low-pass filter, w J1(w r) / (2 pi r): it rings.

    Args:
        sizes: odd, of each kernel.
        cutoffs: w, in radians a pixel, up to pi.
    """
    x, y = _grid(max(sizes))
    distance = torch.hypot(x, y)
    w = torch.tensor(list(cutoffs), dtype=torch.float64)[:, None, None]
    ring = w * torch.special.bessel_j1(w * distance) / (2 * math.pi * distance.clamp(min=1e-9))
    return _normalised(torch.where(distance == 0, w**2 / (4 * math.pi), ring), sizes)


def disc(radii: Sequence[float]) -> Tensor:
    """A lens out of focus: a disc of these radii in pixels, with an edge one pixel wide.

    Its pixels hold the part of them that the disc covers, to 0.1 of a pixel.
    """
    size = 2 * math.ceil(max(radii)) + 1
    x, y = _grid(size)
    radius = torch.tensor(list(radii), dtype=torch.float64)[:, None, None]
    return _normalised((radius + 0.5 - torch.hypot(x, y)).clamp(0, 1), [size] * len(radii))


def line(lengths: Sequence[float], angles: Sequence[float]) -> Tensor:
    """Straight motion during the exposure: a line one pixel wide.

    Args:
        lengths: in pixels, at least 1, which is no motion.
        angles: to the right and clockwise in an image, in radians.
    """
    size = 2 * math.ceil(max(lengths) / 2) + 1
    x, y = _grid(size)
    angle = torch.tensor(list(angles), dtype=torch.float64)[:, None, None]
    half = torch.tensor(list(lengths), dtype=torch.float64)[:, None, None] / 2
    along = x * torch.cos(angle) + y * torch.sin(angle)
    across = y * torch.cos(angle) - x * torch.sin(angle)
    covered = (half + 0.5 - along.abs()).clamp(0, 1) * (1 - across.abs()).clamp(0, 1)
    return _normalised(covered, [size] * len(lengths))


def radii(kernels: Tensor) -> list[int]:
    """How far from the middle each of N k k is more than nothing: what is beyond sums to less than float32 resolves."""
    middle = kernels.shape[-1] // 2
    x, y = _grid(kernels.shape[-1])
    rings = torch.maximum(x.abs(), y.abs()).long().flatten()
    mass = torch.zeros(len(kernels), middle + 1).index_add_(1, rings, kernels.abs().flatten(1))
    beyond = mass.flip(1).cumsum(1).flip(1)  # N middle + 1: of this ring and all around it
    return [max(1, int(count) - 1) for count in (beyond > 2**-24).sum(1)]


def _grid(size: int) -> tuple[Tensor, Tensor]:
    """Positions of the pixels from the middle, to the right and downwards: 1 k and k 1."""
    at = torch.arange(size, dtype=torch.float64) - size // 2
    return at[None, :], at[:, None]


def _powers(
    sizes: Sequence[int], sigmas: Sequence[tuple[float, float]], angles: Sequence[float], shape: Sequence[float]
) -> Tensor:
    x, y = _grid(max(sizes))
    angle = torch.tensor(list(angles), dtype=torch.float64)[:, None, None]
    first, second = torch.tensor(list(sigmas), dtype=torch.float64).T[..., None, None]
    along = (x * torch.cos(angle) + y * torch.sin(angle)) / first
    across = (y * torch.cos(angle) - x * torch.sin(angle)) / second
    squared = along**2 + across**2
    return squared ** torch.tensor(list(shape), dtype=torch.float64)[:, None, None] if len(shape) else squared


def _normalised(kernels: Tensor, sizes: Sequence[int]) -> Tensor:
    """float32, zero outside of each kernel's own size, with a sum of 1."""
    x, y = _grid(kernels.shape[-1])
    half = torch.tensor(list(sizes))[:, None, None] // 2
    kernels = torch.where((x.abs() <= half) & (y.abs() <= half), kernels, 0)
    return (kernels / kernels.sum((1, 2), keepdim=True)).float()
