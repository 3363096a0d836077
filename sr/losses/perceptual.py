"""Perceptual loss: distance between features of a pretrained network (Johnson et al. 2016; SRGAN, section 2.2.1).

And of style: distance between the correlations of these features, whatever their places (Gatys et al. 2016).
"""

from collections.abc import Mapping

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from sr.backbones import Backbone, three_channels
from sr.errors import UserError

DISTANCES = {"l1": F.l1_loss, "l2": F.mse_loss}


class Perceptual(nn.Module):
    """sum over layers of weight * mean |phi(sr) - phi(hr)|^p, p = 1 or 2, and the same of `gram(phi)` for a style.

    Layer names say what is compared: `conv5_4` is a convolution before its activation (ESRGAN), `relu5_4` after it
    (SRGAN). The network sees images normalised as ImageNet's were, each once, whatever the
    number of layers. Gradients reach `sr` alone.

    Args:
        backbone: `sr.backbones.vgg16` (offline) or `vgg19` (the papers').
        layers: name -> weight.
        style: name -> weight of the distance between Gram matrices.
        distance: l1 or l2.
        feature_scale: multiplies the features; SRGAN uses 1/12.75, which makes its L2 loss comparable to the MSE.
        bands: three channels to look at, for images that are neither gray nor RGB.
    """

    def __init__(
        self,
        backbone: Backbone,
        layers: Mapping[str, float] | None = None,
        distance: str = "l1",
        feature_scale: float = 1.0,
        bands: list[int] | None = None,
        style: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.weights, self.style = dict(layers or {}), dict(style or {})
        self.wanted = list(self.weights | self.style)
        if not self.wanted or set(self.wanted) - set(backbone.names):
            raise UserError(f"perceptual layers {sorted(self.wanted)}: the backbone has {backbone.names}")
        if distance not in DISTANCES:
            raise UserError(f"distance={distance}; choose one of {sorted(DISTANCES)}")
        self.backbone = backbone
        self.distance = DISTANCES[distance]
        self.feature_scale = feature_scale
        self.bands = bands

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        with torch.no_grad():
            real = self.features(hr)
        fake = self.features(sr)
        terms = [weight * self.distance(fake[name], real[name]) for name, weight in self.weights.items()]
        for name, weight in self.style.items():
            terms.append(weight * self.distance(gram(fake[name]), gram(real[name])))
        return torch.stack(terms).sum()

    def features(self, image: Tensor) -> dict[str, Tensor]:
        """Of every layer that is compared, scaled."""
        found = self.backbone(three_channels(image, self.bands), self.wanted)
        return {name: features * self.feature_scale for name, features in found.items()}


def gram(features: Tensor) -> Tensor:
    """Correlations of channels, f f^T / (C H W): Johnson et al. 2016 (arXiv 1603.08155), eq. 3.

    Args:
        features: N C H W.

    Returns:
        N C C in float32, for a sum over so many positions needs it.
    """
    n, channels, height, width = features.shape
    with torch.autocast(features.device.type, enabled=False):
        flat = features.float().reshape(n, channels, height * width)
        return flat @ flat.mT / (channels * height * width)
