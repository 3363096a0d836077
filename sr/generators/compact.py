"""Compact: plain convolutions at low resolution and one sub-pixel step, the fast network of Real-ESRGAN's video models.

Wang et al. 2021, arXiv 2107.10833 (`SRVGGNetCompact`). Parameter names are the published ones, so weights trained
here open in the community's tools, and theirs open here.
"""

from itertools import pairwise

import torch.nn as nn
from torch import Tensor

from .layers import conv, onto_nearest, zero_conv


class Compact(nn.Module):
    """`depth` 3x3 convolutions between a first and a last one, PReLU per channel, nearest-neighbour image skip.

    Args:
        scale: any positive integer.
        channels: of the images, any number.
        width: channels of the features.
        depth: number of inner convolutions; the published networks have 16 or 32 of width 64.
    """

    def __init__(self, scale: int = 4, channels: int = 3, width: int = 64, depth: int = 16) -> None:
        super().__init__()
        self.scale = scale
        widths = [channels] + [width] * (depth + 1)
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(widths):
            layers += [conv(n_in, n_out), nn.PReLU(n_out)]
        self.body = nn.ModuleList([*layers, zero_conv(width, channels * scale**2)])

    def forward(self, lr: Tensor) -> Tensor:
        """N C H W in [0, 1] to N C sH sW, not clipped."""
        x = lr
        for layer in self.body:
            x = layer(x)
        return onto_nearest(x, lr, self.scale)
