"""The GAN of Goodfellow et al. 2014 (arXiv 1406.2661)."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from .adversarial import Adversarial


class Vanilla(Adversarial):
    """Cross entropy, non-saturating as in SRGAN, eq. 6.

    With D = sigmoid(logit): -log D = softplus(-logit) and -log(1 - D) = softplus(logit).

    Args:
        smoothing: real images are labelled 1 - smoothing instead of 1 (one-sided label smoothing, Salimans et al.
            2016, arXiv 1606.03498, section 3.4).
        options: of `Adversarial`.
    """

    def __init__(self, smoothing: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.smoothing = smoothing

    def judge(self, real: Tensor, fake: Tensor) -> Tensor:
        """Mean -log D(hr) + mean -log(1 - D(sr)): logits of real images up, of generated ones down."""
        # -(1 - a) log D - a log(1 - D) = softplus(-logit) + a logit
        return F.softplus(-real).mean() + self.smoothing * real.mean() + F.softplus(fake).mean()

    def fool(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Mean -log D(sr): logits of generated images up."""
        return F.softplus(-fake).mean()
