"""Spectral angle: the bands of a pixel keep their proportions. For satellite scenes."""

import torch
import torch.nn as nn
from torch import Tensor

from sr.image.spectrum import spectral_angle


class SpectralAngle(nn.Module):
    """Mean over pixels of the angle between the spectra of sr and hr (Kruse et al. 1993), in radians.

    The metric `sr.metrics.SAM` is the same in degrees. The slope of an angle is 1 / length of the spectrum: pixels of
    hr darker than `darkest` are left out, and one of sr counts as that long at least.

    Args:
        darkest: length of a spectrum, in units of the image range.
    """

    def __init__(self, darkest: float = 0.01) -> None:
        super().__init__()
        self.darkest = darkest

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """N C H W in [0, 1] twice, C > 1.

        Raises:
            UserError: one band.
        """
        sr, hr = sr.float(), hr.float()
        with torch.autocast(sr.device.type, enabled=False):
            angle, _ = spectral_angle(sr, hr, self.darkest)
            seen = hr.norm(dim=1) >= self.darkest
            return (angle * seen).sum() / seen.sum().clamp(min=1)
