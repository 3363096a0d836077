"""Consistency with the input: what the camera saw must be in the image that is made of it."""

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from sr.image.resize import shrink_like


class LRConsistency(nn.Module):
    """mean |shrink(sr) - lr|, with the bicubic that makes the benchmarks' LR (MATLAB's, antialiased).

    It is for lr made that way: of an lr with noise, blur or compression it would ask the generator to keep those. The
    metric `sr.metrics.LRConsistency` is the PSNR of the same two images.
    """

    inputs = ("sr", "lr")

    def forward(self, sr: Tensor, lr: Tensor) -> Tensor:
        """N C sH sW and N C H W, both in [0, 1].

        Raises:
            UserError: the sizes are not s apart.
        """
        return F.l1_loss(shrink_like(sr.float(), lr), lr.float())
