"""The hinge loss of GANs: Lim & Ye 2017, arXiv 1705.02894; Miyato et al. 2018, arXiv 1802.05957, eq. 16 and 17."""

import torch.nn.functional as F
from torch import Tensor

from .adversarial import Adversarial


class Hinge(Adversarial):
    """D learns from the logits within the margin alone; meant for a D with spectral norm."""

    def judge(self, real: Tensor, fake: Tensor) -> Tensor:
        """Mean max(0, 1 - D(hr)) + mean max(0, 1 + D(sr))."""
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()

    def fool(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """-mean D(sr)."""
        return -fake.mean()
