"""LSGAN: Mao et al. 2017, arXiv 1611.04076."""

from torch import Tensor

from .adversarial import Labelled


class LeastSquares(Labelled):
    """Squared distance to the labels 1 (real) and 0 (generated), eq. 9: a far-off logit is pulled back, too.

    Args:
        smoothing, options: as in `Labelled`.
    """

    def judge(self, real: Tensor, fake: Tensor) -> Tensor:
        """1/2 mean (D(hr) - 1 + smoothing)^2 + 1/2 mean D(sr)^2."""
        return ((real - 1 + self.smoothing).square().mean() + fake.square().mean()) / 2

    def fool(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """1/2 mean (D(sr) - 1)^2."""
        return (fake - 1).square().mean() / 2
