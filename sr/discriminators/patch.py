"""PatchGAN: a logit for each patch of an image; also on several scales.

Isola et al. 2017, arXiv 1611.07004, section 3.2.2; scales: Wang et al. 2018 (pix2pixHD), arXiv 1711.11585, section 3.2.
"""

from collections.abc import Sequence

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .layers import Answer, check_size, run
from .spectral import SpectralConv2d


class PatchDiscriminator(nn.Module):
    """Convolutions that double their features as strides halve the image, then one to a logit for each place.

    The defaults are the 70x70 PatchGAN: 4x4 kernels, features 64 128 256 512, strides 2 2 2 1 and 1; a logit depends on
    70x70 pixels. Where it has batch norm, here is spectral normalisation (arXiv 1802.05957): on all convolutions but
    the first and the last, as in the U-Net of Real-ESRGAN.

    Several `scales` are as many networks, on the image and on its halvings (means of 3x3 pixels at stride 2); logits
    are then a list.

    Args:
        channels: of the images, any number.
        width: features of the first convolution.
        growth: features of each convolution but the last, in units of `width`.
        strides: of the same.
        kernel: side of the kernels.
        scales: number of networks.

    Raises:
        ValueError: `growth` and `strides` of different length.
    """

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        growth: Sequence[int] = (1, 2, 4, 8),
        strides: Sequence[int] = (2, 2, 2, 1),
        kernel: int = 4,
        scales: int = 1,
    ) -> None:
        super().__init__()
        padding = (kernel - 1) // 2
        self.nets = nn.ModuleList()
        for _ in range(scales):
            layers: list[nn.Module] = []
            n_in = channels
            for times, stride in zip(growth, strides, strict=True):
                conv = SpectralConv2d if layers else nn.Conv2d
                if kernel == 1 and stride > 1:  # oneDNN's own such backward pass writes out of bounds (its issue 6035)
                    layers.append(nn.AvgPool2d(1, stride))
                    stride = 1
                layers += [conv(n_in, width * times, kernel, stride, padding=padding), nn.LeakyReLU(0.2)]
                n_in = width * times
            self.nets.append(nn.Sequential(*layers, nn.Conv2d(n_in, 1, kernel, padding=padding)))
        self.least_px = 1  # for one logit, from the last layer to the first, and then from the smallest scale up
        for stride in (1, *reversed(strides)):
            self.least_px = max((self.least_px - 1) * stride + kernel - 2 * padding, 1)
        for _ in range(scales - 1):
            self.least_px = 2 * self.least_px - 1

    def forward(self, image: Tensor, hr: Tensor | None = None, features: bool = False) -> Answer:
        """N C H W in [0, 1] to raw logits: N 1 H' W', or a list of these, the finest first.

        Args:
            image: real or generated.
            hr: the real image that belongs to it; this discriminator looks at one image alone.
            features: return (logits, activations of all convolutions but the last, scale by scale).

        Raises:
            UserError: an image too small for a single logit.
        """
        check_size(image, self.least_px, "patch")
        logits: list[Tensor] = []
        inner: list[Tensor] = []
        for net in self.nets:
            if logits:
                image = F.avg_pool2d(image, 3, stride=2, padding=1, count_include_pad=False)
            x, more = run(net, image)  # type: ignore[arg-type]
            logits.append(x)
            inner += more
        answer = logits if len(self.nets) > 1 else logits[0]
        return (answer, inner) if features else answer
