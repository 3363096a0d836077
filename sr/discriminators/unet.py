"""The discriminator of Real-ESRGAN: Wang et al. 2021, arXiv 2107.10833, section 3.4 and figure 6."""

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .layers import Answer, check_size
from .spectral import SpectralConv2d


class UNetDiscriminator(nn.Module):
    """A U-Net that gives each pixel a logit: three halvings, three bilinear doublings, each joined by addition.

    All convolutions but the first and the last are under spectral normalisation. 4,376,897 parameters at width 64. The
    names of the weights are those of BasicSR's UNetDiscriminatorSN: RealESRGAN_x4plus_netD.pth fits. Sides that are no
    multiples of 8 are taken too: each doubling gives the size of the features it is added to.

    Args:
        channels: of the images, any number.
        width: features at full size; 8 times as many at an eighth of it.
    """

    def __init__(self, channels: int = 3, width: int = 64) -> None:
        super().__init__()
        w = width
        self.conv0 = nn.Conv2d(channels, w, 3, padding=1)
        self.conv1 = SpectralConv2d(w, 2 * w, 4, 2, padding=1, bias=False)
        self.conv2 = SpectralConv2d(2 * w, 4 * w, 4, 2, padding=1, bias=False)
        self.conv3 = SpectralConv2d(4 * w, 8 * w, 4, 2, padding=1, bias=False)
        self.conv4 = SpectralConv2d(8 * w, 4 * w, 3, padding=1, bias=False)
        self.conv5 = SpectralConv2d(4 * w, 2 * w, 3, padding=1, bias=False)
        self.conv6 = SpectralConv2d(2 * w, w, 3, padding=1, bias=False)
        self.conv7 = SpectralConv2d(w, w, 3, padding=1, bias=False)
        self.conv8 = SpectralConv2d(w, w, 3, padding=1, bias=False)
        self.conv9 = nn.Conv2d(w, 1, 3, padding=1)

    def forward(self, image: Tensor, hr: Tensor | None = None, features: bool = False) -> Answer:
        """N C H W in [0, 1] to N 1 H W, raw logits.

        Args:
            image: real or generated, of at least 8 pixels a side.
            hr: the real image that belongs to it; this discriminator looks at one image alone.
            features: return (logits, activations of the nine inner convolutions).

        Raises:
            UserError: a smaller image.
        """
        check_size(image, 8, "U-Net")
        inner = [F.leaky_relu(self.conv0(image), 0.2)]
        for conv in (self.conv1, self.conv2, self.conv3):
            inner.append(F.leaky_relu(conv(inner[-1]), 0.2))
        x = inner[3]
        for conv, skip in zip((self.conv4, self.conv5, self.conv6), inner[2::-1], strict=True):
            x = F.interpolate(x, skip.shape[-2:], mode="bilinear", align_corners=False)
            inner.append(F.leaky_relu(conv(x), 0.2))
            x = inner[-1] + skip
        for conv in (self.conv7, self.conv8):
            x = F.leaky_relu(conv(x), 0.2)
            inner.append(x)
        logits = self.conv9(x)
        return (logits, inner) if features else logits
