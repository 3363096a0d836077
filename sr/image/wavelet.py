"""The stationary (undecimated) wavelet transform of images."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sr.errors import UserError

from .color import luma

# Low-pass decomposition filters of orthogonal wavelets (Haar; least asymmetric ones: Daubechies, Ten Lectures on
# Wavelets, 1992, table 6.3; digits as in PyWavelets): sums of sqrt(2), norms of 1. The high-pass filter follows:
# g[k] = (-1)^(k+1) h[n-1-k].
LOW_PASS = {
    "haar": (0.7071067811865476, 0.7071067811865476),
    "sym7": (
        0.002681814568257878, -0.0010473848886829163, -0.01263630340325193, 0.03051551316596357, 0.0678926935013727,
        -0.049552834937127255, 0.017441255086855827, 0.5361019170917628, 0.767764317003164, 0.2886296317515146,
        -0.14004724044296152, -0.10780823770381774, 0.004010244871533663, 0.010268176708511255,
    ),
}  # fmt: skip
BANDS = ("LL", "LH", "HL", "HH")  # first letter along the width, second along the height; LH has horizontal edges


def swt(image: Tensor, wavelet: str, levels: int = 1) -> list[Tensor]:
    """LL, LH, HL and HH of an image at each level, the finest first, all of the image's size.

    One level filters the width, then the height, each low and high, without taking every second value; the next does
    it to LL with holes in the filters (a trous). The image continues periodically. Equals PyWavelets' swt2.

    Args:
        image: N C H W.
        wavelet: haar or sym7.
        levels: how many.

    Returns:
        N C 4 H W for each level, float32 or float64.

    Raises:
        UserError: another wavelet, or an image smaller than half the filter.
    """
    if wavelet not in LOW_PASS:
        raise UserError(f"wavelet={wavelet}: choose one of {sorted(LOW_PASS)}")
    x = image if image.dtype == torch.float64 else image.float()
    low = torch.tensor(LOW_PASS[wavelet], dtype=x.dtype, device=x.device).flip(0)  # conv2d correlates
    high = low.flip(0) * (-1) ** torch.arange(len(low), device=x.device)
    filters, half = torch.stack([low, high]), len(low) // 2
    if min(x.shape[-2:]) < half * 2 ** (levels - 1):
        raise UserError(f"{levels} levels of {wavelet} need at least {half * 2 ** (levels - 1)} pixels a side, got "
                        f"{x.shape[-2]}x{x.shape[-1]}")  # fmt: skip
    found = []
    with torch.autocast(x.device.type, enabled=False):
        for step in (2**level for level in range(levels)):
            before, after = (half - 1) * step, half * step
            y = F.pad(x.flatten(0, 1)[:, None], (before, after, before, after), mode="circular")
            y = F.conv2d(y, filters[:, None, None, :], dilation=(1, step))
            y = F.conv2d(y, filters.repeat(2, 1)[:, None, :, None], dilation=(step, 1), groups=2)
            found.append(y.unflatten(0, x.shape[:2]))
            x = found[-1][:, :, 0]
    return found


def luma_bands(image: Tensor, wavelet: str) -> Tensor:
    """One level of the luma of RGB, or of each channel of other images, with the filters of WGSR.

    There (arXiv 2402.19215, codes/models/SRRaGAN_model.py) the low-pass filter sums to 1, so that LL is a mean of
    pixels and not twice that; the high-pass filter has norm 1.

    Args:
        image: N C H W in [0, 1].
        wavelet: as in `swt`.

    Returns:
        N 1 4 H W from RGB, N C 4 H W otherwise.
    """
    with torch.autocast(image.device.type, enabled=False):
        values = luma(255 * image.float()) / 255 if image.shape[1] == 3 else image.float()
    gains = values.new_tensor([0.5, 0.5**0.5, 0.5**0.5, 1.0]).view(4, 1, 1)
    return swt(values, wavelet)[0] * gains
