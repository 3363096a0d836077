"""How much a model invents: shrink its image again and compare it with the input."""

import torch
from torch import Tensor

from sr.image.resize import shrink_like

from .fidelity import psnr
from .mean import MeanOverImages


def lr_psnr(sr: Tensor, lr: Tensor) -> Tensor:
    """PSNR between sr, shrunk by the bicubic of the benchmarks, and lr, on all channels; both unrounded.

    A model that only adds detail which the camera could not see scores above 45 dB or so (the LR-PSNR of the NTIRE
    challenges, Lugmayr et al. 2021); one that moves colours or edges scores less.

    Args:
        sr: N C sH sW in [0, 1].
        lr: N C H W in [0, 1].

    Returns:
        N, in dB, at most 100.
    """
    return psnr(shrink_like(sr.double(), lr), lr, y=False, round_8bit=False)


class LRConsistency(MeanOverImages):
    """Mean over images of `lr_psnr`."""

    title = "LR-PSNR (dB)"
    digits = 2
    higher_is_better = True
    inputs = ("sr", "lr")
    protocol = "PSNR of SR, shrunk by MATLAB's bicubic, against LR; all channels together, unrounded"

    def score(self, sr: Tensor, lr: Tensor) -> Tensor:  # type: ignore[override]
        with torch.autocast(sr.device.type, enabled=False):
            return lr_psnr(sr, lr)
