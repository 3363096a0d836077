"""Structural similarity at several scales."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from sr.errors import UserError
from sr.image.moments import local_moments

# Wang et al. 2003, section 3.2: what viewers weigh structures by, from the finest to the coarsest scale.
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW_PX = 11
C1, C2 = 0.01**2, 0.03**2  # for images in [0, 1]


class MSSSIM(nn.Module):
    """1 - MS-SSIM, Wang, Simoncelli & Bovik 2003, eq. 7, mean over images.

    MS-SSIM = l_M^w_M * product over scales j = 1..M of cs_j^w_j, with the mean over positions of the contrast and
    structure cs = (2 cov + c2) / (va + vb + c2), and at the coarsest scale that of l cs, with the luminance
    l = (2 ma mb + c1) / (ma^2 + mb^2 + c1). A scale is the one before, averaged over 2x2 pixels. Moments as in SSIM:
    an 11x11 Gaussian of sigma 1.5. Several channels: their mean at each scale.

    A mean below 0, of images against each other's structure, counts as 1e-6: it has no fractional power.

    Args:
        scales: M, 1 to 5; of fewer than 5 the first weights are used, divided by their sum. A crop of 176 px allows 5,
            88 px 4, 44 px 3, 22 px 2 and 11 px 1.
    """

    def __init__(self, scales: int = 5) -> None:
        super().__init__()
        if not 1 <= scales <= len(WEIGHTS):
            raise UserError(f"scales={scales}: MS-SSIM has 1 to {len(WEIGHTS)}")
        self.weights = [weight / sum(WEIGHTS[:scales]) for weight in WEIGHTS[:scales]]

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """N C H W in [0, 1] twice.

        Raises:
            UserError: images too small for so many scales.
        """
        side, scales = min(sr.shape[-2:]), len(self.weights)
        fits = (side // WINDOW_PX).bit_length()
        if fits < scales:
            raise UserError(
                f"MS-SSIM of {scales} scales needs images of at least {WINDOW_PX * 2 ** (scales - 1)} pixels, got "
                f"{sr.shape[-1]}x{sr.shape[-2]}; " + (f"scales={fits} fits" if fits else "none fits so few")
            )
        with torch.autocast(sr.device.type, enabled=False):
            a, b, similarity = sr.float(), hr.float(), sr.new_ones(len(sr), dtype=torch.float32)
            for j, weight in enumerate(self.weights, 1):
                if j > 1:
                    a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
                mean_a, mean_b, var_a, var_b, covariance = local_moments(a, b)
                term = (2 * covariance + C2) / (var_a + var_b + C2)
                if j == scales:
                    term = term * (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
                similarity = similarity * term.mean((1, 2, 3)).clamp(min=1e-6) ** weight
        return 1 - similarity.mean()
