"""A part of one axis of the result: where it begins and ends, and what of the input it is made from."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sr.image.resize import resize_axis


@dataclass(frozen=True)
class Stretch:
    """A part of one axis of the result, and the part of the input that it is made from.

    Args:
        size, first, last: the axis of the result, and the part: [first, last).
        lr_size, lr_first, lr_last: those of the input, the halo that the network needs included.
    """

    size: int
    first: int
    last: int
    lr_size: int
    lr_first: int
    lr_last: int

    @classmethod
    def whole(cls, size: int, lr_size: int) -> "Stretch":
        return cls(size, 0, size, lr_size, 0, lr_size)

    def of(self, image: Tensor, dim: int, scale: int = 1) -> Tensor:
        """This part of the result, of an input part that was enlarged by `scale` already."""
        return resize_axis(image, dim, self.size, self.first, self.last, self.lr_size * scale, self.lr_first * scale)

    def nearest(self) -> Tensor:
        """For each pixel of the part, where in the input part it lies."""
        at = (torch.arange(self.first, self.last, dtype=torch.float64) + 0.5) * (self.lr_size / self.size)
        return at.long().clamp(0, self.lr_size - 1) - self.lr_first
