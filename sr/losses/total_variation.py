"""Total variation: less noise, and less texture, too."""

import torch.nn as nn
from torch import Tensor


class TotalVariation(nn.Module):
    """mean |sr(y+1, x) - sr(y, x)| + mean |sr(y, x+1) - sr(y, x)|: Rudin, Osher & Fatemi 1992, anisotropic.

    It needs no original; 0 of an image of one colour. Weights are small: 1e-3 beside L1.
    """

    inputs = ("sr",)

    def forward(self, sr: Tensor) -> Tensor:
        """N C H W in [0, 1]."""
        sr = sr.float()
        return sr.diff(dim=2).abs().mean() + sr.diff(dim=3).abs().mean()
