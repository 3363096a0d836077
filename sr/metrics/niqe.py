"""NIQE: how natural an image looks, without an original to compare with."""

from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from sr.backbones import three_channels
from sr.errors import UserError
from sr.image.color import luma
from sr.image.resize import imresize

from .mean import MeanOverImages

BLOCK_PX = 96
PRISTINE = Path(__file__).with_name("niqe.safetensors")  # the authors' Gaussian of natural images; its header has more


def niqe(sr: Tensor, *, crop_border_px: int = 0, bands: list[int] | None = None) -> Tensor:
    """Distance between the Gaussian of an image's statistics and that of natural images; lower is better.

    Mittal, Soundararajan & Bovik 2013, eq. 1 to 10: normalised luminances of 96x96 blocks at two scales, 36 features a
    block, sqrt((m1 - m2)' ((S1 + S2) / 2)^-1 (m1 - m2)).

    Args:
        sr: N C H W in [0, 1].
        crop_border_px: pixels cropped on each side.
        bands: three channels to look at, for images that are neither gray nor RGB.

    Returns:
        N.

    Raises:
        UserError: less than two blocks are left.
    """
    sr = three_channels(sr, bands) if bands is not None else sr
    y = luma((sr.double().clamp(0, 1) * 255).round()).round()
    height, width = (size - 2 * crop_border_px for size in y.shape[-2:])
    rows, columns = height // BLOCK_PX, width // BLOCK_PX
    if height < 0 or width < 0 or rows * columns < 2:
        raise UserError(
            f"NIQE needs two blocks of {BLOCK_PX}x{BLOCK_PX} pixels, {width}x{height} are left after cropping"
        )
    y = y[..., crop_border_px:, crop_border_px:][..., : rows * BLOCK_PX, : columns * BLOCK_PX]
    features = torch.cat([_features(y, BLOCK_PX), _features(_half(y), BLOCK_PX // 2)], 2)  # N blocks 36
    pristine = load_file(PRISTINE)
    mean, covariance = (pristine[key].to(y) for key in ("mean", "covariance"))
    return torch.stack([_distance(image, mean, covariance) for image in features])


class NIQE(MeanOverImages):
    """Mean over images of `niqe`; lower is better.

    Args:
        crop_border_px, bands: as in `niqe`.
    """

    title = "NIQE (lower)"
    higher_is_better = False
    axis, axis_rank = "perception", 3
    inputs = ("sr",)

    def __init__(self, crop_border_px: int = 0, bands: list[int] | None = None) -> None:
        super().__init__()
        self.options = {"crop_border_px": crop_border_px, "bands": bands}
        self.protocol = (
            f"of rounded luma (BT.601, 16 to 235), 96x96 blocks, {crop_border_px} px cropped on each side, "
            "the authors' natural images"
        )

    def score(self, sr: Tensor) -> Tensor:  # type: ignore[override]
        return niqe(sr, **self.options)  # type: ignore[arg-type]


def _distance(features: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    difference = mean - features.nanmean(0)
    whole = features[~features.isnan().any(1)]
    if len(whole) < 2:
        raise UserError("NIQE needs two blocks that are not flat")
    inverse = torch.linalg.pinv((covariance + whole.T.cov()) / 2)
    return (difference @ inverse @ difference).sqrt()


def _features(y: Tensor, block_px: int) -> Tensor:
    """18 features of each block, N blocks 18, columns of blocks first (their order does not matter)."""
    n, _, height, width = y.shape
    normalised = _normalised(y).view(n, height // block_px, block_px, width // block_px, block_px)
    blocks = normalised.permute(0, 1, 3, 2, 4).flatten(1, 2)  # N blocks h w
    alpha, left, right = _asymmetric_gaussian(blocks)
    features = [alpha, (left + right) / 2]
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        alpha, left, right = _asymmetric_gaussian(blocks * blocks.roll(shift, (2, 3)))
        mean = (right - left) * torch.exp(torch.lgamma(2 / alpha) - torch.lgamma(1 / alpha))
        features += [alpha, mean, left, right]
    return torch.stack(features, 2)


def _normalised(y: Tensor) -> Tensor:
    """(y - mean) / (deviation + 1) in a 7x7 Gaussian window, eq. 1."""
    taps = torch.exp(-(torch.arange(-3, 4, dtype=y.dtype, device=y.device) ** 2) / (2 * (7 / 6) ** 2))
    window = taps[:, None] * taps
    window = window / window.sum()
    mean, square = (_filtered(x, window) for x in (y, y * y))
    return (y - mean) / ((square - mean**2).abs().sqrt() + 1)


def _filtered(x: Tensor, window: Tensor) -> Tensor:
    # In flat areas the sign of y - mean, on which NIQE depends, is that of the rounding error: tap by tap, as the
    # reference implementations do it, gives their sign, and the same one on every machine.
    height, width = x.shape[-2:]
    x = F.pad(x, (3, 3, 3, 3), mode="replicate")
    total = torch.zeros_like(x[..., :height, :width])
    for i in range(7):
        for j in range(7):
            total += window[i, j] * x[..., i : i + height, j : j + width]
    return total


def _asymmetric_gaussian(blocks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Shape alpha and the two scales beta of each block's distribution by matching moments, eq. 5 to 8."""
    x = blocks.flatten(2)
    left, right = ((x**2 * side).sum(2).div(side.sum(2)).sqrt() for side in (x < 0, x > 0))
    ratio = left / right
    r = x.abs().mean(2) ** 2 / (x**2).mean(2)
    wanted = r * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    wanted = wanted.nan_to_num(0.0).contiguous()  # of a flat block: the first shape, as the reference code has it
    shapes, ratios = _shapes(x.device)
    # The ratio rises with the shape: the nearest one is on either side of where it would be inserted.
    above = torch.searchsorted(ratios, wanted).clamp(1, len(ratios) - 1)
    nearest = torch.where((ratios[above - 1] - wanted).abs() <= (ratios[above] - wanted).abs(), above - 1, above)
    alpha = shapes[nearest]
    scale = torch.exp((torch.lgamma(1 / alpha) - torch.lgamma(3 / alpha)) / 2)
    return alpha, left * scale, right * scale


@lru_cache(maxsize=4)
def _shapes(device: torch.device) -> tuple[Tensor, Tensor]:
    """Shapes 0.2 to 10 in steps of 0.001, and gamma(2/a)^2 / (gamma(1/a) gamma(3/a)) of each."""
    with torch.inference_mode(False):
        shapes = 0.2 + 0.001 * torch.arange(9801, dtype=torch.float64, device=device)
        logs = 2 * torch.lgamma(2 / shapes) - torch.lgamma(1 / shapes) - torch.lgamma(3 / shapes)
    return shapes, logs.exp()


def _half(y: Tensor) -> Tensor:
    """MATLAB's imresize(y, 0.5), with the mirrored border that it has had since."""
    pad = 8
    y = torch.cat([y[..., :pad, :].flip(-2), y, y[..., -pad:, :].flip(-2)], -2)
    y = torch.cat([y[..., :pad].flip(-1), y, y[..., -pad:].flip(-1)], -1)
    return imresize(y, 0.5)[..., pad // 2 : -pad // 2, pad // 2 : -pad // 2]
