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

DISTANCES = {"l1": (F.l1_loss, 1), "l2": (F.mse_loss, 2)}  # and p


class Perceptual(nn.Module):
    """sum over layers of weight * mean |phi(sr) - phi(hr)|^p, p = 1 or 2, and the same of `gram(phi)` for a style.

    Layer names say what is compared: `conv5_4` is a convolution before its activation (ESRGAN), `relu5_4` after it
    (SRGAN). The network sees images normalised as ImageNet's were, each once, whatever the
    number of layers. Gradients reach `sr` alone.

    Args:
        backbone: `sr.backbones.vgg16` (offline) or `vgg19` (the papers').
        layers: name -> weight; None leaves a layer out.
        style: the same, of the distance between Gram matrices.
        distance: l1 or l2.
        feature_scale: multiplies the features; SRGAN uses 1/12.75, which makes its L2 loss comparable to the MSE.
        bands: three channels to look at, for images that are neither gray nor RGB.
    """

    def __init__(
        self,
        backbone: Backbone,
        layers: Mapping[str, float | None] | None = None,
        distance: str = "l1",
        feature_scale: float = 1.0,
        bands: list[int] | None = None,
        style: Mapping[str, float | None] | None = None,
    ) -> None:
        super().__init__()
        layers, style = ({name: weight for name, weight in (of or {}).items() if weight is not None}
                         for of in (layers, style))  # fmt: skip
        self.wanted = list({**layers, **style})
        if not self.wanted or set(self.wanted) - set(backbone.names):
            raise UserError(f"perceptual layers {sorted(self.wanted)}: the backbone has {backbone.names}")
        if distance not in DISTANCES:
            raise UserError(f"distance={distance}; choose one of {sorted(DISTANCES)}")
        self.distance, power = DISTANCES[distance]
        # The scale is that of the weights: features are large, and so would be their copies.
        self.weights = {name: weight * feature_scale**power for name, weight in layers.items()}
        self.style = {name: weight * feature_scale ** (2 * power) for name, weight in style.items()}
        self.backbone, self.bands = backbone, bands

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        with torch.no_grad():
            real = self.backbone(three_channels(hr, self.bands), self.wanted)
        fake = self.backbone(three_channels(sr, self.bands), self.wanted)
        terms = [weight * self.distance(fake[name], real[name]) for name, weight in self.weights.items()]
        for name, weight in self.style.items():
            terms.append(weight * self.distance(gram(fake[name]), gram(real[name])))
        return torch.stack(terms).sum()


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
