"""A fast network of the form of RLFN: Kong et al. 2022, arXiv 2205.07514, figure 2; DIPNet (arXiv 2304.07018) keeps it.

Parameter names are RLFN's.
"""

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


class Block(nn.Module):
    """Three 3x3 convolutions with LeakyReLU 0.05, added to their input, and a 1x1 convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c1_r, self.c2_r, self.c3_r = (nn.Conv2d(width, width, 3, padding=1) for _ in range(3))
        self.c5 = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        made = x
        for layer in (self.c1_r, self.c2_r, self.c3_r):
            made = F.leaky_relu(layer(made), 0.05)
        return self.c5(x + made)


class RLFN(nn.Module):
    """Residual local features at low resolution, a skip over all blocks, and one sub-pixel convolution.

    The published network has 6 blocks of 52 channels and, behind each, an attention that looks at strided and pooled
    features. That is left out here: it needs images of 15 pixels and more, and with it tiles are not exact.

    Args:
        scale: any positive integer.
        channels: of the images, any number.
        width: channels of the features.
        blocks: their number; the defaults make 0.14 M parameters at scale 4, about those of DIPNet's smallest.
    """

    def __init__(self, scale: int = 4, channels: int = 3, width: int = 32, blocks: int = 4) -> None:
        super().__init__()
        self.scale, self.blocks = scale, blocks
        self.conv_1 = nn.Conv2d(channels, width, 3, padding=1)
        for i in range(blocks):
            self.add_module(f"block_{i + 1}", Block(width))
        self.conv_2 = nn.Conv2d(width, width, 3, padding=1)
        self.upsampler = nn.Sequential(nn.Conv2d(width, channels * scale**2, 3, padding=1), nn.PixelShuffle(scale))

    def forward(self, lr: Tensor) -> Tensor:
        """N C H W in [0, 1] to N C sH sW, not clipped."""
        first = x = self.conv_1(lr)
        for i in range(self.blocks):
            x = self.get_submodule(f"block_{i + 1}")(x)
        return self.upsampler(first + self.conv_2(x))
