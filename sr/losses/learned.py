"""Distances learned from people's judgements, as losses: LPIPS, ST-LPIPS and DISTS.

Each equals the metric of its name in `sr.metrics`, but unrounded, unclipped and with a gradient towards hr. A generator
trained on a distance finds what that distance overlooks, so the metric of that name no longer judges the run: tables
say "trained on" beside it, and another one chooses the best checkpoint.
"""

from pathlib import Path

import torch
import torch.nn as nn
from torch import Tensor

from sr.backbones import FeatureDistance, TextureAndStructure, lpips, shift_tolerant_lpips


class Learned(nn.Module):
    """Mean over images of a distance.

    Args:
        distance: (sr, hr), N C H W in [0, 1], to N distances.

    Attributes:
        trains_on: name of the metric's class in `sr.metrics`.
    """

    trains_on = ""

    def __init__(self, distance: FeatureDistance | TextureAndStructure) -> None:
        super().__init__()
        self.distance = distance

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """N C H W in [0, 1] twice.

        Raises:
            UserError: a side shorter than the network can see.
        """
        with torch.autocast(sr.device.type, enabled=False):
            return self.distance(sr, hr.detach()).mean()


class LPIPS(Learned):
    """LPIPS v0.1, Zhang et al. 2018 (arXiv 1801.03924), eq. 1.

    Args:
        net: alex or vgg.
        weights, bands: as in `sr.backbones.lpips`.
    """

    trains_on = "LPIPS"

    def __init__(self, net: str = "vgg", weights: str | Path | None = None, bands: list[int] | None = None) -> None:
        super().__init__(lpips(net, weights, bands, option="losses.content.terms.lpips.weights"))


class STLPIPS(Learned):
    """ST-LPIPS v0.0, Ghildyal & Liu, ECCV 2022. Offline.

    Args:
        net: alex or vgg.
        bands: as in `sr.backbones.FeatureDistance`.
    """

    trains_on = "STLPIPS"

    def __init__(self, net: str = "vgg", bands: list[int] | None = None) -> None:
        super().__init__(shift_tolerant_lpips(net, bands))


class DISTS(Learned):
    """DISTS, Ding et al. 2020 (arXiv 2004.07728), eq. 9.

    Args:
        weights, bands: as in `sr.backbones.TextureAndStructure`.
    """

    trains_on = "DISTS"

    def __init__(self, weights: str | Path | None = None, bands: list[int] | None = None) -> None:
        super().__init__(TextureAndStructure(weights, bands, option="losses.content.terms.dists.weights"))
