"""Equal to MATLAB's `imresize(hr, 1/scale, 'bicubic')`, the classical degradation of the benchmarks."""

from collections.abc import Sequence

import torch
import torch.nn as nn
from torch import Tensor

from sr.image.resize import imresize

from .pairs import lr_size

LEVELS, UNROUNDED = 255.0, 2.0**24  # steps of 8 bits; and so many that float32 is not rounded at all


class Bicubic(nn.Module):
    """Antialiased bicubic shrinking of a whole batch on its device; no random numbers.

    Args:
        scale: 2, 3, 4, 8 or any positive integer.
        quantize: round lr as MATLAB rounds images of 8 bits, after each of the two passes: the LR files of the
            benchmarks in every pixel. Images that hold other values than those of 8 bits are never rounded.
    """

    protocol = "shrunk by MATLAB's bicubic, in 8 bits where HR has 8"

    def __init__(self, scale: int = 4, quantize: bool = True) -> None:
        super().__init__()
        self.scale, self.quantize = scale, quantize

    def forward(self, hr: Tensor, n: Sequence[int] | Tensor | None = None) -> tuple[Tensor, Tensor]:
        """N C sH sW in [0, 1] to N C H W in [0, 1], and hr as it was.

        Raises:
            UserError: hr is not divisible by the scale.
        """
        lr_size(hr, self.scale)
        if not self.quantize:
            return imresize(hr, 1 / self.scale, clip=True), hr
        hr = hr.contiguous()  # products of matrices are slow on channels_last
        off_grid = (hr * LEVELS).add_(0.5).frac_().sub_(0.5).abs_().amax((1, 2, 3), keepdim=True)
        return imresize(hr, 1 / self.scale, levels=torch.where(off_grid < 1e-3, LEVELS, UNROUNDED)), hr
