"""Networks that see different parts of an image."""

from time import sleep

import torch
import torch.nn as nn
import torch.nn.functional as F

from sr.generators import Compact, SRResNet
from sr.image.resize import imresize


class Folding(nn.Module):
    """Pixels to channels and back, as Real-ESRGAN does at scale 2: what a pixel sees depends on where it lies."""

    scale = 2

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4 * channels, 16 * channels, 3, padding=1)

    def forward(self, lr):
        return F.pixel_shuffle(self.conv(F.pixel_unshuffle(lr, 2)), 4)


class Uneven(nn.Module):
    """Every second pixel of every second row is seen from afar, the others nowhere but where they are."""

    scale = 1

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 7, padding=3)

    def forward(self, lr):
        folded = F.pixel_unshuffle(lr, 2)
        return F.pixel_shuffle(folded + self.conv(folded[:, 3:]), 2)


class Wide(nn.Module):
    """Sees all that is no farther than `reach`."""

    scale = 1

    def __init__(self, reach: int) -> None:
        super().__init__()
        self.row = nn.Conv2d(1, 1, (1, 2 * reach + 1), padding=(0, reach))
        self.column = nn.Conv2d(1, 1, (2 * reach + 1, 1), padding=(reach, 0))

    def forward(self, lr):
        return self.column(self.row(lr))


class Deep(nn.Module):
    """So many means over 3 by 3 pixels, with a pause before each: sees one pixel farther each time, and ever less."""

    scale = 1

    def __init__(self, depth: int, pause_s: float = 0.0) -> None:
        super().__init__()
        self.depth, self.pause_s = depth, pause_s
        self.weight = nn.Parameter(torch.full((1, 1, 3, 3), 1 / 9), requires_grad=False)

    def forward(self, lr):
        for _ in range(self.depth):
            sleep(self.pause_s)
            lr = F.conv2d(lr, self.weight, padding=1)
        return lr


class Exposed(nn.Module):
    """Divides by the mean of the whole image."""

    scale = 2

    def forward(self, lr):
        return F.interpolate(lr / lr.mean((2, 3), keepdim=True), scale_factor=2)


class InPlace(nn.Module):
    """Changes what a convolution has made."""

    scale = 1

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 3, 5, padding=2), nn.ReLU(inplace=True), nn.Conv2d(3, 1, 3, padding=1))

    def forward(self, lr):
        return self.body(lr)


class Bicubic(nn.Module):
    scale = 3

    def forward(self, lr):
        return imresize(lr, 3)


def srresnet(scale: int, **options) -> nn.Module:
    return SRResNet(scale, channels=1, width=4, blocks=2, **options)


NETWORKS = {
    "compact": lambda: Compact(scale=2, channels=1, width=4, depth=3),
    "compact-deep": lambda: Compact(scale=3, channels=1, width=2, depth=15),
    "srresnet": lambda: srresnet(4),
    "srresnet-x3": lambda: srresnet(3),
    "srresnet-skip": lambda: srresnet(2, norm=False, skip=True),
    "bicubic": Bicubic,
    "in-place": InPlace,
    "folding": Folding,
    "uneven": Uneven,
}
