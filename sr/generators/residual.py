"""Residual: Compact with skips, EDSR's blocks (Lim et al. 2017, arXiv 1707.02921, figure 2) at Compact's cost.

Of no paper of its own. Blocks that are added to their input train several times faster than a plain stack of the same
convolutions, and one sub-pixel convolution (Shi et al. 2016, arXiv 1609.05158) enlarges at the cost of one layer.
"""

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


def _conv(n_in: int, n_out: int) -> nn.Conv2d:
    conv = nn.Conv2d(n_in, n_out, 3, padding=1)
    # He's gain for PReLU at 0.25, as in Compact
    nn.init.kaiming_normal_(conv.weight, a=0.25)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


class Block(nn.Sequential):
    """Twice conv - PReLU, added to the input."""

    def __init__(self, width: int) -> None:
        last = _conv(width, width)
        last.weight.data *= 0.3  # so that features do not double in every block
        super().__init__(_conv(width, width), nn.PReLU(width), last, nn.PReLU(width))

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
        self.last = nn.Conv2d(width, channels * scale**2, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, lr: Tensor) -> Tensor:
        """N C H W in [0, 1] to N C sH sW, not clipped."""
        first = self.first(lr)
        x = self.last(self.body(first).add_(first))
        return F.pixel_shuffle(x, self.scale) + F.interpolate(lr, scale_factor=self.scale, mode="nearest")
