"""Means, variances and covariance around each pixel: what structural similarity is made of."""

import torch
import torch.nn.functional as F
from torch import Tensor


def local_moments(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Under the window of Wang et al. 2004, section III-C: an 11x11 Gaussian of sigma 1.5, where it lies within.

    Args:
        a, b: N C H W, sides of at least 11.

    Returns:
        Mean of a, mean of b, variance of a, variance of b, covariance: each N C H-10 W-10.
    """
    mean_a, mean_b, aa, bb, ab = _gaussian(torch.cat([a, b, a * a, b * b, a * b])).chunk(5)
    return mean_a, mean_b, aa - mean_a**2, bb - mean_b**2, ab - mean_a * mean_b


def _gaussian(x: Tensor) -> Tensor:
    taps = torch.exp(-(torch.arange(-5, 6, dtype=x.dtype, device=x.device) ** 2) / (2 * 1.5**2))
    taps = taps / taps.sum()
    channels = x.shape[1]
    x = F.conv2d(x, taps.view(1, 1, 11, 1).expand(channels, 1, 11, 1), groups=channels)
    return F.conv2d(x, taps.view(1, 1, 1, 11).expand(channels, 1, 1, 11), groups=channels)
