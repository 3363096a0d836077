"""The wavelet loss of WGSR: Korkmaz et al., CVPR 2024, arXiv 2402.19215, eq. 3 and its official train_WGSR.json."""

from collections.abc import Mapping

import torch.nn as nn
from torch import Tensor

from sr.errors import UserError
from sr.image.wavelet import BANDS, luma_bands

WEIGHTS = {"LL": 0.1, "LH": 0.01, "HL": 0.01, "HH": 0.05}


class WaveletL1(nn.Module):
    """sum over bands of weight * mean |band(sr) - band(hr)|, bands of one level of a stationary wavelet transform.

    RGB images are compared by their luma, as published: colours are left to another term. All others are compared by
    each channel. The published weights are for values of 0 to 255, 255 times what they are here.

    Args:
        weights: of LL, LH, HL, HH; the published ones by default.
        wavelet: haar or sym7, as published.

    Raises:
        UserError: weights of other bands, or of not all four.
    """

    def __init__(self, weights: Mapping[str, float] = WEIGHTS, wavelet: str = "sym7") -> None:
        super().__init__()
        if set(weights) != set(BANDS):
            raise UserError(f"wavelet weights of {sorted(weights)}: give one for each of {', '.join(BANDS)}")
        self.weights, self.wavelet = [weights[band] for band in BANDS], wavelet

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        difference = luma_bands(sr, self.wavelet) - luma_bands(hr, self.wavelet)  # N C' 4 H W
        return (difference.abs().mean((0, 1, 3, 4)) * difference.new_tensor(self.weights)).sum()
