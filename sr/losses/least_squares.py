"""LSGAN: Mao et al. 2017, arXiv 1611.04076."""

from typing import Any

from torch import Tensor

from .adversarial import Adversarial


class LeastSquares(Adversarial):
    """Squared distance to the labels 1 (real) and 0 (generated), eq. 9: a far-off logit is pulled back, too.

    Args:
        smoothing: real images are labelled 1 - smoothing, for D alone.
        options: of `Adversarial`.
    """

    def __init__(self, smoothing: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.smoothing = smoothing

    def judge(self, real: Tensor, fake: Tensor) -> Tensor:
        """1/2 mean (D(hr) - 1 + smoothing)^2 + 1/2 mean D(sr)^2."""
        return ((real - 1 + self.smoothing).square().mean() + fake.square().mean()) / 2

    def fool(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """1/2 mean (D(sr) - 1)^2."""
        return (fake - 1).square().mean() / 2
