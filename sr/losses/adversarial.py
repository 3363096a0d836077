"""Adversarial losses, on logits. Each tells the discriminator's loss and the generator's."""

import torch.nn.functional as F
from torch import Tensor


class Vanilla:
    """The cross entropy of Goodfellow et al. 2014 (arXiv 1406.2661), non-saturating as in SRGAN, eq. 6.

    With D = sigmoid(logit): -log D = softplus(-logit) and -log(1 - D) = softplus(logit).
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Mean -log D(hr) + mean -log(1 - D(sr)): logits of real images up, of generated ones down."""
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    def generator(self, fake: Tensor) -> Tensor:
        """Mean -log D(sr): logits of generated images up."""
        return F.softplus(-fake).mean()
