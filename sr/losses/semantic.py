"""Semantic loss: what a pretrained classifier says of the generated image, against what it says of the real one.

Features: Johnson et al. 2016, arXiv 1603.08155, section 3.1 (feature reconstruction), here from deep layers of a
classifier. Class probabilities: the real image is the teacher, as in Hinton et al. 2015, arXiv 1503.02531, section 2.

    +losses.content.terms.semantic._target_=sr.losses.Semantic +losses.content.weights.semantic=0.1
    +losses.content.terms.semantic.backbone._target_=sr.backbones.efficientnet_lite
    +losses.content.terms.semantic.layers.stage5=1.0
"""

from collections.abc import Mapping

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from sr.backbones import EfficientNetLite, TorchvisionClassifier, three_channels
from sr.errors import UserError


class Semantic(nn.Module):
    """sum over layers of weight * mean |phi(sr) - phi(hr)| / mean |phi(hr)|, plus `logits` * KL(p(hr) || p(sr)).

    Each image's features are measured by their own mean size, so that weights mean the same for every layer: 1 is the
    difference from a network that sees nothing. KL is in nats, of the probabilities of ImageNet's classes; crops of
    less than the 224 pixels that classifiers are trained on make it vague. Gradients reach `sr` alone.

    Args:
        backbone: the classifier, `sr.backbones.efficientnet_lite` (offline) or `sr.backbones.TorchvisionClassifier`.
        layers: name -> weight; `stage5` (1/16 of the image) and deeper ones say more of things than of pixels.
        logits: weight of KL; 0 leaves it out.
        bands: three channels to look at, for images that are neither gray nor RGB.

    Raises:
        UserError: a layer that the classifier does not have, or nothing to compare.
    """

    least_px = 32  # one place of the deepest layers

    def __init__(
        self,
        backbone: EfficientNetLite | TorchvisionClassifier,
        layers: Mapping[str, float],
        logits: float = 0.0,
        bands: list[int] | None = None,
    ) -> None:
        super().__init__()
        if not layers and not logits:
            raise UserError("the semantic loss compares nothing: give layers or logits a weight")
        unknown = {*layers, *(["logits"] if logits else [])} - set(backbone.names)
        if unknown:
            raise UserError(f"semantic layers {sorted(unknown)}: the backbone has {backbone.names}")
        self.backbone, self.weights, self.logits, self.bands = backbone, dict(layers), logits, bands

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """A scalar; images N C H W of at least 32 pixels a side.

        Raises:
            UserError: smaller ones.
        """
        if min(sr.shape[-2:]) < self.least_px:
            raise UserError(f"the semantic loss sees images of at least {self.least_px} pixels a side, not "
                            f"{sr.shape[-2]}x{sr.shape[-1]}; make data.crop_px larger")  # fmt: skip
        wanted = [*self.weights, *(["logits"] if self.logits else [])]
        with torch.no_grad():
            real = self.backbone(three_channels(hr, self.bands), wanted)
        fake = self.backbone(three_channels(sr, self.bands), wanted)
        terms = []
        for name, weight in self.weights.items():
            difference, size = ((each.float().abs().mean((1, 2, 3))) for each in (fake[name] - real[name], real[name]))
            terms.append(weight * (difference / (size + 1e-6)).mean())
        if self.logits:
            teacher, pupil = (each["logits"].float().log_softmax(1) for each in (real, fake))
            terms.append(self.logits * F.kl_div(pupil, teacher, reduction="batchmean", log_target=True))
        return torch.stack(terms).sum()
