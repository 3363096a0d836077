"""Losses between spectra."""

import torch
import torch.nn as nn
from torch import Tensor


class FocalFrequency(nn.Module):
    """Focal frequency loss, Jiang et al. 2021 (arXiv 2012.12821), section 3: mean over frequencies of
    w |F(sr) - F(hr)|^2.

    F is the orthonormal Fourier transform of each channel, and w = |F(sr) - F(hr)|^alpha, divided by its largest value
    in that channel and without a gradient: the frequencies that are worst weigh most.

    Args:
        alpha: how much more the worst frequencies weigh; 0 makes it the mean squared error.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        with torch.autocast(sr.device.type, enabled=False):
            difference = torch.view_as_real(torch.fft.fft2(sr.float() - hr.float(), norm="ortho"))
            squared = difference.square().sum(-1)
            weight = squared.detach() ** (self.alpha / 2)
            weight = weight / weight.amax((-2, -1), keepdim=True).clamp(min=torch.finfo(weight.dtype).tiny)
            return (weight * squared).mean()
