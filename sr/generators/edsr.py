"""EDSR: residual blocks without norm, Lim et al. 2017, arXiv 1707.02921, figure 3 and table 1.

Parameter names are BasicSR's, so the weights that it published open here.
"""

import torch.nn as nn
from torch import Tensor

from .rgb import mean_colour
from .scales import steps_of


class Block(nn.Module):
    """conv - ReLU - conv, times `res_scale`, added to its input."""

    def __init__(self, width: int, res_scale: float) -> None:
        super().__init__()
        self.res_scale = res_scale
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.res_scale * self.conv2(self.conv1(x).relu())


class EDSR(nn.Module):
    """Residual blocks at low resolution, then sub-pixel convolutions.

    The defaults are the published baseline: 16 blocks of 64 channels, 1.52 M parameters at scale 4. The large network
    is width 256, blocks 32, res_scale 0.1.

    The published network sees values of 0 to 255 less the mean colour of DIV2K. Here images are in [0, 1] as
    everywhere, and `peak` times (lr - mean colour) is what the first layer sees; the last one is undone. Images of
    other than three channels have no such colour, and each channel is centred at its mean, 0.43.

    Args:
        scale: 2, 3, 4 or 8.
        channels: of the images, any number.
        width: channels of the features.
        blocks: number of residual blocks.
        res_scale: of what a block adds; 0.1 keeps networks of 256 channels from diverging.
        peak: 255, as published, or 1.

    Raises:
        UserError: another scale.
    """

    mean: Tensor

    def __init__(
        self,
        scale: int = 4,
        channels: int = 3,
        width: int = 64,
        blocks: int = 16,
        res_scale: float = 1.0,
        peak: float = 255.0,
    ) -> None:
        super().__init__()
        steps = steps_of(scale, "EDSR")
        self.scale, self.peak = scale, peak
        self.register_buffer("mean", mean_colour(channels), persistent=False)
        self.conv_first = nn.Conv2d(channels, width, 3, padding=1)
        self.body = nn.Sequential(*(Block(width, res_scale) for _ in range(blocks)))
        self.conv_after_body = nn.Conv2d(width, width, 3, padding=1)
        stages = [(nn.Conv2d(width, width * by**2, 3, padding=1), nn.PixelShuffle(by)) for by in steps]
        self.upsample = nn.Sequential(*(layer for stage in stages for layer in stage))
        self.conv_last = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, lr: Tensor) -> Tensor:
        """N C H W in [0, 1] to N C sH sW, not clipped."""
        x = self.conv_first((lr - self.mean) * self.peak)
        x = x + self.conv_after_body(self.body(x))
        return self.conv_last(self.upsample(x)) / self.peak + self.mean
