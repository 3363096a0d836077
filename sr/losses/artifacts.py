"""The artifact map: a penalty where the generator errs in a way that no texture explains."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

WINDOW_PX = 7


class Artifacts(nn.Module):
    """LDL, Liang et al. 2022 (arXiv 2203.09195), section 3: mean |M (sr - hr)|.

    With the residual R = sum over channels |hr - sr|, the map is

        M = var(R)^(1/5) * (variance of R in the 7x7 pixels around), where R >= R of the average, and 0 elsewhere

    Where the averaged generator errs more than the generator, the error is detail that is being learned; where it errs
    less, it is an artifact that comes and goes. Variances are unbiased, borders reflected, as in the authors' code.
    The map has no gradient.
    """

    inputs = ("sr", "hr", "average")

    def forward(self, sr: Tensor, hr: Tensor, average: Tensor) -> Tensor:
        """N C H W in [0, 1] three times; sides of at least 4."""
        return (artifact_map(sr, hr, average) * (sr.float() - hr.float())).abs().mean()


@torch.no_grad()
def artifact_map(sr: Tensor, hr: Tensor, average: Tensor) -> Tensor:
    """M as above, N 1 H W in float32."""
    residual, of_average = ((hr.float() - image.float()).abs().sum(1, keepdim=True) for image in (sr, average))
    around = F.pad(residual, (WINDOW_PX // 2,) * 4, mode="reflect").unfold(2, WINDOW_PX, 1).unfold(3, WINDOW_PX, 1)
    whole = residual.var((1, 2, 3), keepdim=True) ** (1 / 5)
    return whole * around.var((-2, -1)) * (residual >= of_average)
