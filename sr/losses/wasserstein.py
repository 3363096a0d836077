"""WGAN-GP: Arjovsky et al. 2017, arXiv 1701.07875; Gulrajani et al. 2017, arXiv 1704.00028."""

from typing import Any

from torch import Tensor

from .adversarial import Adversarial


class Wasserstein(Adversarial):
    """Difference of mean logits, with the gradient penalty that keeps D's slope near 1.

    The papers update D five times a step (`system.discriminator_updates=5`) and have no batch norm in it.

    Args:
        gradient_penalty: its weight, lambda of arXiv 1704.00028.
        options: of `Adversarial`.
    """

    def __init__(self, gradient_penalty: float = 10.0, **options: Any) -> None:
        super().__init__(gradient_penalty=gradient_penalty, **options)

    def judge(self, real: Tensor, fake: Tensor) -> Tensor:
        """Mean D(sr) - mean D(hr)."""
        return fake.mean() - real.mean()

    def fool(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """-mean D(sr)."""
        return -fake.mean()
