"""Equal to MATLAB's `imresize(hr, 1/scale, 'bicubic')`, the classical degradation of the benchmarks."""

import torch.nn as nn
from torch import Tensor

from sr.errors import UserError
from sr.resize import imresize


class Bicubic(nn.Module):
    """Antialiased bicubic shrinking of a whole batch on its device.

    Args:
        scale: 2, 3, 4, 8 or any positive integer.
        quantize: round lr to 8 bits, as a stored file would be (within one level of the benchmark's files, which
            round after each pass; `sr.resize.imresize_uint8` is exact).
    """

    def __init__(self, scale: int = 4, quantize: bool = True) -> None:
        super().__init__()
        self.scale, self.quantize = scale, quantize

    def forward(self, hr: Tensor) -> Tensor:
        """N C sH sW in [0, 1] to N C H W in [0, 1].

        Raises:
            UserError: hr is not divisible by the scale.
        """
        height, width = hr.shape[-2:]
        s = self.scale
        if height % s or width % s:
            raise UserError(f"HR is {width}x{height}, not divisible by scale {s}; crop it to "
                             f"{width // s * s}x{height // s * s}")  # fmt: skip
        lr = imresize(hr, 1 / s, clip=True)
        return (lr * 255).round() / 255 if self.quantize else lr
