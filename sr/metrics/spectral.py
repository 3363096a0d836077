"""Errors of many bands: the angle between spectra, and the relative error of each band. For satellite scenes."""

from math import pi

import torch
from torch import Tensor

from sr.image.spectrum import spectral_angle

from .mean import MeanOverImages


def sam(sr: Tensor, hr: Tensor) -> Tensor:
    """Spectral angle (Kruse et al. 1993): the mean over pixels of the angle between their spectra, in degrees.

    Pixels without a spectrum (all bands 0 in either image) are left out.

    Args:
        sr, hr: N C H W with C > 1, any common unit.

    Returns:
        N, in degrees; 0 = equal up to brightness.
    """
    angle, shorter = spectral_angle(sr.double(), hr.double(), 1e-300)
    seen = shorter > 0
    return (angle * seen).sum((1, 2)) / seen.sum((1, 2)).clamp(min=1) * 180 / pi


def ergas(sr: Tensor, hr: Tensor, scale: int) -> Tensor:
    """Relative global error (Wald 2000): 100 / scale sqrt(mean over bands of (RMSE / mean of hr)^2).

    Args:
        sr, hr: N C H W.
        scale: side of an LR pixel in HR pixels.

    Returns:
        N; 0 = equal. Infinite where a band of hr, but not of sr, is all 0.
    """
    error = ((sr.double() - hr.double()) ** 2).mean((2, 3))
    relative = torch.where(error == 0, error, error / hr.double().mean((2, 3)) ** 2)  # 0 of a band that is all 0
    return 100 / scale * relative.mean(1).sqrt()


class SAM(MeanOverImages):
    """Mean over images of `sam`; lower is better."""

    title = "SAM (deg, lower)"
    higher_is_better = False
    protocol = "mean angle between spectra, degrees, unrounded"

    def score(self, sr: Tensor, hr: Tensor) -> Tensor:  # type: ignore[override]
        return sam(sr, hr)


class ERGAS(MeanOverImages):
    """Mean over images of `ergas`; lower is better."""

    title = "ERGAS (lower)"
    higher_is_better = False

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.protocol = f"100 / {scale} sqrt(mean over bands of (RMSE / mean)^2), unrounded"

    def score(self, sr: Tensor, hr: Tensor) -> Tensor:  # type: ignore[override]
        return ergas(sr, hr, self.scale)
