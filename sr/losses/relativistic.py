"""The relativistic average GAN: Jolicoeur-Martineau 2018, arXiv 1807.00734; ESRGAN, arXiv 1809.00219, eq. 1 and 2."""

import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.distributed.nn.functional import all_reduce

from .adversarial import Labelled


class RelativisticAverage(Labelled):
    """D says whether a real image looks more real than generated ones do on average, and the other way round.

    Means are those over the batch of all processes. Each loss is half the sum of its two terms, as in ESRGAN's training
    code, to which its adversarial weight of 5e-3 belongs.

    Args:
        smoothing, options: as in `Labelled`.
    """

    needs_real = True

    def judge(self, real: Tensor, fake: Tensor) -> Tensor:
        """1/2 mean -log s(D(hr) - mean D(sr)) + 1/2 mean -log(1 - s(D(sr) - mean D(hr))), s the sigmoid."""
        lead, lag = real - _mean(fake), fake - _mean(real)
        return (F.softplus(-lead).mean() + self.smoothing * lead.mean() + F.softplus(lag).mean()) / 2

    def fool(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """The same with real and generated images exchanged."""
        assert real is not None
        return (F.softplus(real - _mean(fake)).mean() + F.softplus(_mean(real) - fake).mean()) / 2


def _mean(logits: Tensor) -> Tensor:
    mean = logits.mean()
    return all_reduce(mean) / dist.get_world_size() if dist.is_initialized() else mean
