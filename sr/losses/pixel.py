"""Pixel losses: means over all elements of images N C H W in [0, 1]."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from sr.image.color import FULL_SWING


class _Distance(nn.Module):
    """Mean distance of all elements, of which the share `luma` is taken on the luma of BT.601 alone.

    Eyes and tables (PSNR-Y) look at luma more than at colours.

    Args:
        luma: 0 to 1. Images of other than three channels have no colours to set apart.
    """

    def __init__(self, luma: float = 0.0) -> None:
        super().__init__()
        self.luma = luma

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        if not self.luma or sr.shape[-3] != 3:
            return self.distance(sr, hr)
        with torch.autocast(sr.device.type, enabled=False):
            sr, hr = sr.float(), hr.float()
            lumas = (torch.einsum("...chw,c->...hw", image, image.new_tensor(FULL_SWING)) for image in (sr, hr))
            return (1 - self.luma) * self.distance(sr, hr) + self.luma * self.distance(*lumas)


class L1(_Distance):
    """mean |sr - hr|; with `luma`, that share of it on luma alone."""

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        return F.l1_loss(one, other)


class L2(_Distance):
    """mean (sr - hr)^2, the MSE of SRResNet; with `luma`, that share of it on luma alone."""

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        return F.mse_loss(one, other)


class Charbonnier(nn.Module):
    """mean sqrt((sr - hr)^2 + eps^2) - eps, Lai et al. 2017 (arXiv 1704.03915): L1 made smooth at zero.

    Args:
        epsilon: width of the smooth part, in units of the image range. Subtracted, so that the loss of equal images
            is zero.
    """

    def __init__(self, epsilon: float = 1e-3) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        return (torch.sqrt((sr - hr) ** 2 + self.epsilon**2) - self.epsilon).mean()


class Huber(nn.Module):
    """Mean of d^2 / (2 delta) where d = |sr - hr| < delta, and of d - delta / 2 elsewhere.

    It is the loss of Huber 1964 (Annals of Mathematical Statistics 35, 73) divided by delta, so that its slope far from
    zero is that of L1 and one weight serves for both.

    Args:
        delta: width of the quadratic part, in units of the image range.
    """

    def __init__(self, delta: float = 0.01) -> None:
        super().__init__()
        self.delta = delta

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        return F.smooth_l1_loss(sr, hr, beta=self.delta)
