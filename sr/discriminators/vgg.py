"""The discriminator of SRGAN: Ledig et al. 2017, arXiv 1609.04802, figure 4."""

import torch.nn as nn
from torch import Tensor

from .layers import Answer, run


class VGGDiscriminator(nn.Module):
    """Eight 3x3 convolutions, doubling the features as strides halve the image, then two dense layers to one logit.

    The defaults are the published network: widths 64 64 128 128 256 256 512 512, strides alternately 1 and 2, batch
    norm after all but the first, LeakyReLU 0.2, dense 1024.

    The published dense layer fits one crop size alone. Here features are averaged to a `grid` x `grid` first, which
    changes nothing where they have that size already (HR 96 and grid 6: the published network, weight for weight)
    and makes the network take any crop of at least 16 pixels.

    Args:
        channels: of the images, any number.
        width: features of the first layer; all others scale with it.
        grid: side of the feature map that the dense layers see; 6 as published with HR 96.
        dense: features of the first dense layer.
        norm: batch norm, as published.
    """

    def __init__(self, channels: int = 3, width: int = 64, grid: int = 6, dense: int = 1024, norm: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.2)]
        n_in = width
        for n_out, stride in zip([1, 2, 2, 4, 4, 8, 8], [2, 1, 2, 1, 2, 1, 2], strict=True):
            layers.append(nn.Conv2d(n_in, width * n_out, 3, stride, padding=1, bias=not norm))
            if norm:
                layers.append(nn.BatchNorm2d(width * n_out))
            layers.append(nn.LeakyReLU(0.2))
            n_in = width * n_out
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(grid),
            nn.Flatten(),
            nn.Linear(n_in * grid**2, dense),
            nn.LeakyReLU(0.2),
            nn.Linear(dense, 1),
        )

    def forward(self, image: Tensor, hr: Tensor | None = None, features: bool = False) -> Answer:
        """N C H W in [0, 1] to N 1, raw logits (the sigmoid is in the loss).

        Args:
            image: real or generated.
            hr: the real image that belongs to it; this discriminator looks at one image alone.
            features: return (logits, activations of the eight convolutions).
        """
        x, inner = run(self.features, image)
        logits = self.classifier(x)
        return (logits, inner) if features else logits
