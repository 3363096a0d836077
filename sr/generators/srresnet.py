"""The generator of SRGAN: SRResNet, Ledig et al. 2017, arXiv 1609.04802, figure 4."""

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .scales import steps_of


class ResidualBlock(nn.Module):
    """conv - (norm) - PReLU - conv - (norm), added to its input."""

    def __init__(self, width: int, norm: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=not norm)
        self.norm1 = nn.BatchNorm2d(width) if norm else nn.Identity()
        self.act = nn.PReLU()
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=not norm)
        self.norm2 = nn.BatchNorm2d(width) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm2(self.conv2(self.act(self.norm1(self.conv1(x)))))


class SRResNet(nn.Module):
    """Residual blocks at low resolution, then sub-pixel convolutions.

    The defaults are the published network: 16 blocks of 64 channels with batch norm, 1.55 M parameters at scale 4.

    Args:
        scale: 2, 3, 4 or 8.
        channels: of the images, any number.
        width: channels of the features.
        blocks: number of residual blocks.
        norm: batch norm in the body, as published; later papers (EDSR) drop it.
        skip: add the bicubic enlargement of the input, so that the network learns the detail alone. Its last layer
            then starts at zero, and training starts from bicubic.

    Raises:
        UserError: another scale.
    """

    def __init__(
        self,
        scale: int = 4,
        channels: int = 3,
        width: int = 64,
        blocks: int = 16,
        norm: bool = True,
        skip: bool = False,
    ) -> None:
        super().__init__()
        steps = steps_of(scale, "SRResNet")
        self.scale, self.skip = scale, skip
        self.head = nn.Sequential(nn.Conv2d(channels, width, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(
            *(ResidualBlock(width, norm) for _ in range(blocks)),
            nn.Conv2d(width, width, 3, padding=1, bias=not norm),
            nn.BatchNorm2d(width) if norm else nn.Identity(),
        )
        self.upsample = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(width, width * step**2, 3, padding=1), nn.PixelShuffle(step), nn.PReLU())
                for step in steps
            )
        )
        self.tail = nn.Conv2d(width, channels, 9, padding=4)
        if skip:
            nn.init.zeros_(self.tail.weight)
            nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    def forward(self, lr: Tensor) -> Tensor:
        """N C H W in [0, 1] to N C sH sW; not clipped, so that gradients reach every pixel."""
        features = self.head(lr)
        sr = self.tail(self.upsample(features + self.body(features)))
        if self.skip:
            size = [side * self.scale for side in lr.shape[-2:]]  # exporters cannot follow a scale_factor
            sr = sr + F.interpolate(lr, size=size, mode="bicubic", align_corners=False)
        return sr
