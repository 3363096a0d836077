"""Against the weave of a pixel shuffle: what repeats itself with each pixel of lr is no texture."""

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


class Phases(nn.Module):
    """mean |P - mean(P)| of the error's local means P, one for each of the s x s places that belong to a pixel of lr.

    A pixel shuffle writes these places from channels of their own, and an adversarial loss rewards texture that is
    locked to them. The mean over `window` x `window` pixels of lr keeps of an error sr - hr what has that period and
    little of anything else; `sr.metrics.checkerboard` measures the same over the whole image.

    Args:
        window: side of the squares, in pixels of lr; neighbours overlap by half.
    """

    inputs = ("sr", "hr", "lr")

    def __init__(self, window: int = 8) -> None:
        super().__init__()
        self.window = window

    def forward(self, sr: Tensor, hr: Tensor, lr: Tensor) -> Tensor:
        """N C sH sW twice and N C H W, in [0, 1]; 0 where s is 1."""
        scale = sr.shape[-1] // lr.shape[-1]
        window = min(self.window, *lr.shape[-2:])
        places = F.pixel_unshuffle(sr.float() - hr.float(), scale)  # N C*s*s H W
        local = F.avg_pool2d(places, window, stride=max(window // 2, 1)).unflatten(1, (-1, scale**2))
        return (local - local.mean(2, keepdim=True)).abs().mean()
