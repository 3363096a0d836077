"""Residual: Compact with skips, EDSR's blocks (Lim et al. 2017, arXiv 1707.02921, figure 2) at Compact's cost.

Of no paper of its own. Blocks that are added to their input reach the PSNR of a plain stack of the same convolutions in
about half the time (experiments/2026-11-30-residual_x4), and one sub-pixel convolution (Shi et al. 2016, arXiv
1609.05158) enlarges at the cost of one layer.
"""

import torch.nn as nn
from torch import Tensor

from .layers import conv, onto_nearest, zero_conv


class Block(nn.Sequential):
    """Twice conv - PReLU, added to the input."""

    def __init__(self, width: int) -> None:
        last = conv(width, width)
        last.weight.data *= 0.3  # so that features do not double in every block
        super().__init__(conv(width, width), nn.PReLU(width), last, nn.PReLU(width))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).add_(x)  # in its place, as the gradient of PReLU needs its input alone


class Residual(nn.Module):
    """`blocks` of two 3x3 convolutions, a skip over all of them, and a nearest-neighbour image skip.

    Args:
        scale: any positive integer.
        channels: of the images, any number.
        width: channels of the features.
        blocks: their number; twice as many convolutions are Compact's depth at the same cost.
    """

    def __init__(self, scale: int = 4, channels: int = 3, width: int = 32, blocks: int = 6) -> None:
        super().__init__()
        self.scale = scale
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.body = nn.Sequential(*(Block(width) for _ in range(blocks)))
        self.last = zero_conv(width, channels * scale**2)

    def forward(self, lr: Tensor) -> Tensor:
        """N C H W in [0, 1] to N C sH sW, not clipped."""
        first = self.first(lr)
        return onto_nearest(self.last(self.body(first).add_(first)), lr, self.scale)
