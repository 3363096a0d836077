"""Perceptual distance: how different two images look to a network trained on people's judgements."""

import torch
from torch import Tensor

from sr.backbones import lpips, shift_tolerant_lpips

from .mean import MeanOverImages


class STLPIPS(MeanOverImages):
    """Mean over images of ST-LPIPS; lower is better.

    Args:
        net: alex or vgg.
        bands: three channels to look at, for images that are neither gray nor RGB.
    """

    title = "ST-LPIPS (lower is better)"
    higher_is_better = False
    axis, axis_rank = "perception", 1

    def __init__(self, net: str = "alex", bands: list[int] | None = None) -> None:
        super().__init__()
        self.distance = shift_tolerant_lpips(net, bands)
        self.protocol = f"ST-LPIPS v0.0, {net}, {_seen(bands)}, unrounded"

    def score(self, sr: Tensor, hr: Tensor) -> Tensor:  # type: ignore[override]
        with torch.autocast(sr.device.type, enabled=False):
            return self.distance(sr.clamp(0, 1), hr).double()


class LPIPS(MeanOverImages):
    """Mean over images of LPIPS v0.1; lower is better.

    Args:
        net, weights, bands: as in `sr.backbones.lpips`.
    """

    title = "LPIPS (lower)"
    higher_is_better = False
    axis, axis_rank = "perception", 0  # the one that papers print

    def __init__(self, net: str = "alex", weights: str | None = None, bands: list[int] | None = None) -> None:
        super().__init__()
        self.distance = lpips(net, weights, bands)
        self.protocol = f"LPIPS v0.1, {net}, {_seen(bands)}, rounded to 8 bits"

    def score(self, sr: Tensor, hr: Tensor) -> Tensor:  # type: ignore[override]
        with torch.autocast(sr.device.type, enabled=False):
            return self.distance(*((image.clamp(0, 1) * 255).round() / 255 for image in (sr, hr))).double()


def _seen(bands: list[int] | None) -> str:
    return "whole RGB images" if bands is None else f"bands {bands} of whole images"
