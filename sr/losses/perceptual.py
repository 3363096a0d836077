"""Perceptual loss: distance between features of a pretrained network (Johnson et al. 2016; SRGAN, section 2.2.1)."""

from collections.abc import Mapping

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from sr.backbones import Backbone, three_channels
from sr.errors import UserError

DISTANCES = {"l1": F.l1_loss, "l2": F.mse_loss}


class Perceptual(nn.Module):
    """sum over layers of weight * mean |phi(sr) - phi(hr)|^p, p = 1 or 2.

    Layer names say what is compared: `conv5_4` is a convolution before its activation (ESRGAN), `relu5_4` after it
    (SRGAN). The network sees images normalised as ImageNet's were. Gradients reach `sr` alone.

    Args:
        backbone: `sr.backbones.vgg16` (offline) or `vgg19` (the papers').
        layers: name -> weight.
        distance: l1 or l2.
        feature_scale: multiplies the features; SRGAN uses 1/12.75, which makes its L2 loss comparable to the MSE.
        bands: three channels to look at, for images that are neither gray nor RGB.
    """

    def __init__(
        self,
        backbone: Backbone,
        layers: Mapping[str, float],
        distance: str = "l1",
        feature_scale: float = 1.0,
        bands: list[int] | None = None,
    ) -> None:
        super().__init__()
        unknown = set(layers) - set(backbone.names)
        if unknown or not layers:
            raise UserError(f"perceptual layers {sorted(layers)}: the backbone has {backbone.names}")
        if distance not in DISTANCES:
            raise UserError(f"distance={distance}; choose one of {sorted(DISTANCES)}")
        self.backbone = backbone
        self.weights = dict(layers)
        self.distance = DISTANCES[distance]
        self.feature_scale = feature_scale
        self.bands = bands

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        wanted = list(self.weights)
        with torch.no_grad():
            real = self.backbone(three_channels(hr, self.bands), wanted)
        fake = self.backbone(three_channels(sr, self.bands), wanted)
        scale = self.feature_scale
        terms = [weight * self.distance(fake[n] * scale, real[n] * scale) for n, weight in self.weights.items()]
        return torch.stack(terms).sum()
