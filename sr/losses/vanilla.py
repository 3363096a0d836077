"""The GAN of Goodfellow et al. 2014 (arXiv 1406.2661)."""

import torch.nn.functional as F
from torch import Tensor

from .adversarial import Labelled


class Vanilla(Labelled):
    """Cross entropy, non-saturating as in SRGAN, eq. 6.

    With D = sigmoid(logit): -log D = softplus(-logit) and -log(1 - D) = softplus(logit).

    Args:
        smoothing, options: as in `Labelled`.
    """

    def judge(self, real: Tensor, fake: Tensor) -> Tensor:
        """Mean -log D(hr) + mean -log(1 - D(sr)): logits of real images up, of generated ones down."""
        # -(1 - a) log D - a log(1 - D) = softplus(-logit) + a logit
        return F.softplus(-real).mean() + self.smoothing * real.mean() + F.softplus(fake).mean()

    def fool(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Mean -log D(sr): logits of generated images up."""
        return F.softplus(-fake).mean()
