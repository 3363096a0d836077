"""The generator of ESRGAN: residual-in-residual dense blocks, Wang et al. 2018, arXiv 1809.00219, figure 4.

Parameter names are those of BasicSR and Real-ESRGAN, so their weights open here and ours in the community's tools.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from sr.errors import UserError

from .padding import padded

FOLDED = {1: 4, 2: 2, 4: 1, 8: 1}  # scale -> side of the squares of pixels that become channels


def conv(n_in: int, n_out: int) -> nn.Conv2d:
    """3x3, the size kept."""
    return nn.Conv2d(n_in, n_out, 3, padding=1)


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees all that was made before it; 0.2 of the last is added to the input.

    Their weights start at a tenth of He's, as published: with so many layers larger ones let training diverge.
    """

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        for i in range(1, 6):
            made = conv(width + (i - 1) * growth, growth if i < 5 else width)
            nn.init.kaiming_normal_(made.weight)
            made.weight.data *= 0.1
            nn.init.zeros_(made.bias)  # type: ignore[arg-type]
            self.add_module(f"conv{i}", made)

    def forward(self, x: Tensor) -> Tensor:
        seen = [x]
        for layer in list(self.children())[:-1]:
            seen.append(F.leaky_relu(layer(torch.cat(seen, 1)), 0.2))
        return x + 0.2 * self.get_submodule("conv5")(torch.cat(seen, 1))


class ResidualInResidual(nn.Module):
    """Three dense blocks; 0.2 of what they make is added to the input."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(width, growth) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))


class RRDBNet(nn.Module):
    """Dense blocks at low resolution, then nearest enlargements by two with a convolution each.

    The defaults are the published network: 23 blocks of 64 channels, 16.70 M parameters. The scales 1 and 2 are
    Real-ESRGAN's (arXiv 2107.10833, section 3.4): pixels are folded into channels first, and a size that is no
    multiple is reflected at the right and lower edge. Scale 8 is one more enlargement, as community tools build it.

    Args:
        scale: 1, 2, 4 or 8.
        channels: of the images, any number.
        width: channels of the features.
        blocks: number of residual-in-residual blocks.
        growth: channels that each convolution of a dense block adds; community tools open 32 alone.

    Raises:
        UserError: another scale.
    """

    def __init__(self, scale: int = 4, channels: int = 3, width: int = 64, blocks: int = 23, growth: int = 32) -> None:
        super().__init__()
        if scale not in FOLDED:
            raise UserError(f"RRDBNet has no scale {scale}; choose one of {sorted(FOLDED)}")
        self.scale, self.fold = scale, FOLDED[scale]
        self.conv_first = conv(channels * self.fold**2, width)
        self.body = nn.Sequential(*(ResidualInResidual(width, growth) for _ in range(blocks)))
        self.conv_body = conv(width, width)
        self.conv_up1, self.conv_up2 = conv(width, width), conv(width, width)
        if scale == 8:
            self.conv_up3 = conv(width, width)
        self.conv_hr, self.conv_last = conv(width, width), conv(width, channels)

    def forward(self, lr: Tensor) -> Tensor:
        """N C H W in [0, 1] to N C sH sW, not clipped."""
        height, width = lr.shape[-2:]
        if self.fold > 1:
            lr = F.pixel_unshuffle(padded(lr, -width % self.fold, -height % self.fold), self.fold)
        x = self.conv_first(lr)
        x = x + self.conv_body(self.body(x))
        ups = [self.conv_up1, self.conv_up2] + ([self.conv_up3] if self.scale == 8 else [])
        for up in ups:
            x = F.leaky_relu(up(F.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        sr = self.conv_last(F.leaky_relu(self.conv_hr(x), 0.2))
        return sr[..., : height * self.scale, : width * self.scale]
