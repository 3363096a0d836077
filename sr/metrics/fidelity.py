"""PSNR and SSIM as the papers compute them: 8-bit images, luma of BT.601, a border cropped, one score an image.

The protocol is that of RCAN's and ESRGAN's MATLAB script (section 4 of their papers): sr is rounded to 8 bits, luma
is unrounded, a border as wide as the scale is cropped, the peak is 255.
"""

from typing import Any

import torch
from torch import Tensor

from sr.errors import UserError
from sr.image.color import luma
from sr.image.moments import local_moments

from .mean import MeanOverImages

PSNR_CAP_DB = 100.0  # of equal images, whose PSNR is infinite and would make every mean infinite


def psnr(sr: Tensor, hr: Tensor, *, y: bool = True, crop_border_px: int = 0, round_8bit: bool = True) -> Tensor:
    """10 log10(255^2 / MSE) of each image.

    Args:
        sr, hr: N C H W in [0, 1].
        y: on the luma of BT.601, otherwise on all channels together.
        crop_border_px: pixels cropped on each side, usually the scale.
        round_8bit: both images to 256 levels first, as if they had been saved.

    Returns:
        N, in dB, at most 100.
    """
    error = (_prepare(sr, y, crop_border_px, round_8bit) - _prepare(hr, y, crop_border_px, round_8bit)) ** 2
    return (10 * torch.log10(255**2 / error.mean((1, 2, 3)))).clamp(max=PSNR_CAP_DB)


def ssim(sr: Tensor, hr: Tensor, *, y: bool = True, crop_border_px: int = 0, round_8bit: bool = True) -> Tensor:
    """Structural similarity of each image, Wang et al. 2004: 11x11 Gaussian of sigma 1.5, valid region, K = 0.01, 0.03.

    Args and shapes as `psnr`; over several channels, the mean of the channels.

    Raises:
        UserError: less than 11 pixels are left after cropping.
    """
    a, b = (_prepare(image, y, crop_border_px, round_8bit) for image in (sr, hr))
    if min(a.shape[-2:]) < 11:
        raise UserError(f"SSIM needs at least 11x11 pixels, {a.shape[-1]}x{a.shape[-2]} are left after cropping")
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_a, mean_b, var_a, var_b, covariance = local_moments(a, b)
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similarity = similarity / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return similarity.mean((1, 2, 3))


class Fidelity(MeanOverImages):
    """Base of PSNR and SSIM: on which channels, after which rounding and cropping they are computed.

    Args:
        y, crop_border_px, round_8bit: as in `psnr`.
        title: of the column, where the config knows more of the channels than the metric does: that they are RGB.
    """

    higher_is_better = True
    title_y = ""  # `title` of the scores on luma
    how = ""

    def __init__(
        self, y: bool = True, crop_border_px: int = 0, round_8bit: bool = True, title: str | None = None
    ) -> None:
        super().__init__()
        self.title = title or (self.title_y if y else self.title)
        self.options: dict[str, Any] = {"y": y, "crop_border_px": crop_border_px, "round_8bit": round_8bit}
        self.protocol = (
            f"{self.how}; of {'luma (BT.601, 16 to 235, unrounded)' if y else 'all channels together'}, "
            f"{'rounded to 8 bits' if round_8bit else 'unrounded'}, {crop_border_px} px cropped on each side"
        )


class PSNR(Fidelity):
    """Mean over images of `psnr`."""

    title, title_y = "PSNR (dB)", "PSNR-Y (dB)"
    digits = 2
    axis = "distortion"
    how = "peak 255, mean over images"

    def score(self, sr: Tensor, hr: Tensor) -> Tensor:  # type: ignore[override]
        return psnr(sr, hr, **self.options)


class SSIM(Fidelity):
    """Mean over images of `ssim`."""

    title, title_y = "SSIM", "SSIM-Y"
    how = "11x11 Gaussian, sigma 1.5, valid region, K = 0.01, 0.03, population covariance"

    def score(self, sr: Tensor, hr: Tensor) -> Tensor:  # type: ignore[override]
        return ssim(sr, hr, **self.options)


def _prepare(image: Tensor, y: bool, crop: int, round_8bit: bool) -> Tensor:
    image = image.double().clamp(0, 1) * 255
    image = image.round() if round_8bit else image
    image = luma(image) if y else image
    height, width = image.shape[-2:]
    if min(height, width) <= 2 * crop:
        raise UserError(f"of {width}x{height} pixels none is left after cropping a border of {crop}; leave such small "
                        "images out, or set crop_border_px")  # fmt: skip
    return image[..., crop : height - crop, crop : width - crop]
