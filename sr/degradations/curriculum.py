"""A curriculum: how many of the samples are fully degraded grows while the network is trained."""

from collections.abc import Callable, Sequence

import torch
import torch.nn as nn
from torch import Tensor

from sr.errors import UserError

from .draws import CHOICE, of_sample
from .operator import interval
from .pairs import Degradation


class Curriculum(nn.Module):
    """Each sample is degraded by one of two degradations; which one is a function of the seed and of its number.

    In training sample n belongs to step n // batch_size, so that nothing has to be counted or saved, and a resumed run
    goes on as if it had never stopped. Outside of training (`eval()`) every image is fully degraded: a run is validated
    under what it has to learn.

    Args:
        gentle, full: the two degradations; hr is the target of what is gently degraded.
        share: [low, high], of the samples that are fully degraded at the first step and from `steps` on; the rest are
            gently. A share of less than 1 at the end keeps a network good at clean images.
        steps: over which it grows.
        batch_size: samples of a step, over all devices.
        seed: of the choice.
    """

    def __init__(
        self, gentle: Degradation, full: Degradation, share: Sequence[float], steps: int, batch_size: int, seed: int = 0
    ) -> None:
        super().__init__()
        if getattr(gentle, "sharpen", None) is not None:
            raise UserError(
                "the gentle degradation of a curriculum has sharpen; give it to the full one, and both sharpen"
            )
        if steps < 1 or batch_size < 1:
            raise UserError(f"steps={steps} and batch_size={batch_size} of a curriculum: give at least 1 each")
        self.gentle, self.full = gentle, full
        self.share = interval("share", share, 0, 1)
        self.steps, self.batch_size, self.seed = steps, batch_size, seed

    @property
    def protocol(self) -> str:
        """How lr is made outside of training."""
        return getattr(self.full, "protocol", type(self.full).__name__)

    @property
    def sharpen(self) -> Callable[[Tensor], Tensor] | None:
        """What targets are sharpened by: as the full degradation has it."""
        return getattr(self.full, "sharpen", None)

    def share_at(self, step: int) -> float:
        """Of the samples of a step that are fully degraded."""
        low, high = self.share
        return low + (high - low) * min(step / self.steps, 1.0)

    def is_full(self, n: int) -> bool:
        """Whether sample n of the training is fully degraded."""
        return of_sample(self.seed, n, CHOICE).random() < self.share_at(n // self.batch_size)

    def forward(self, hr: Tensor, n: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """N C sH sW in [0, 1] to N C H W in [0, 1], and the targets; `n` are the numbers of the samples."""
        numbers = [int(i) for i in n]
        if not self.training:
            return self.full(hr, numbers)
        gentle: list[int] = []
        full: list[int] = []
        for i, number in enumerate(numbers):
            (full if self.is_full(number) else gentle).append(i)
        lr, target = [hr.new_empty(0)] * len(hr), list(hr)
        if gentle:
            source = hr[gentle] if self.sharpen is None else self.sharpen(hr[gentle])
            for i, image in zip(gentle, self.gentle(source, [numbers[i] for i in gentle])[0], strict=True):
                lr[i] = image
        if full:
            for i, *images in zip(full, *self.full(hr[full], [numbers[i] for i in full]), strict=True):
                lr[i], target[i] = images
        return torch.stack(lr), torch.stack(target)
