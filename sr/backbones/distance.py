"""The distance of two images in the features of a network whose channels are weighted by people's judgements.

It is the sum over layers of the mean over positions of head . (unit(phi(sr)) - unit(phi(hr)))^2 (Zhang et al. 2018,
arXiv 1801.03924, eq. 1); LPIPS and ST-LPIPS differ in the network phi and in the heads. Metrics judge by it, losses
train on it.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn as nn
from torch import Tensor

from sr.errors import UserError

from .alexnet import alexnet, imagenet_alexnet
from .features import Backbone, three_channels
from .heads import lpips_heads, lpips_heads_of
from .pretrained import shift_tolerant_state
from .vgg import imagenet_vgg16, vgg16

LAYERS = {
    "alex": ["relu1", "relu2", "relu3", "relu4", "relu5"],
    "vgg": ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"],
}
# After the last halving, enough must be left to be padded by reflection, or pooled.
SMALLEST_PX = {"ST-LPIPS": {"alex": 24, "vgg": 32}, "LPIPS": {"alex": 31, "vgg": 16}}


class FeatureDistance(nn.Module):
    """Distance of two images in the features of a network.

    Args:
        name: for messages.
        backbone: the network.
        layers: its layers to compare.
        heads: a weight per channel of each of these layers.
        smallest_px: shortest side that the network can see.
        bands: three channels to look at, for images that are neither gray nor RGB.
    """

    def __init__(
        self,
        name: str,
        backbone: Backbone,
        layers: Sequence[str],
        heads: Sequence[Tensor],
        smallest_px: int,
        bands: list[int] | None = None,
    ) -> None:
        super().__init__()
        self.name, self.backbone, self.layers, self.bands = name, backbone, list(layers), bands
        self.smallest_px = smallest_px
        for i, head in enumerate(heads):
            self.register_buffer(f"head{i}", head.float().flatten(), persistent=False)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """N C H W in [0, 1] twice, to N distances (0 = equal); float32, with a gradient.

        Raises:
            UserError: a side shorter than the network can see.
        """
        if min(sr.shape[-2:]) < self.smallest_px:
            raise UserError(
                f"{self.name} sees images of at least {self.smallest_px} pixels, got {sr.shape[-1]}x{sr.shape[-2]}"
            )
        features_sr = self.backbone(three_channels(sr.float(), self.bands), self.layers)
        features_hr = self.backbone(three_channels(hr.float(), self.bands), self.layers)
        distance = sr.new_zeros(len(sr), dtype=torch.float32)
        for i, name in enumerate(self.layers):
            difference = (_unit(features_sr[name]) - _unit(features_hr[name])) ** 2
            distance += torch.einsum("nchw,c->nhw", difference, getattr(self, f"head{i}")).mean((1, 2))
        return distance


def shift_tolerant_lpips(net: str = "alex", bands: list[int] | None = None) -> FeatureDistance:
    """ST-LPIPS v0.0, Ghildyal & Liu, ECCV 2022: LPIPS that a shift by a pixel does not fool. Offline.

    Args:
        net: alex or vgg.
        bands: as in `FeatureDistance`.
    """
    layers = _layers(net)
    state = shift_tolerant_state(net)
    network = alexnet() if net == "alex" else vgg16()
    heads = [state[f"lin{i}.model.1.weight"] for i in range(len(layers))]
    return FeatureDistance("ST-LPIPS", network, layers, heads, SMALLEST_PX["ST-LPIPS"][net], bands)


def lpips(
    net: str = "alex",
    weights: str | Path | None = None,
    bands: list[int] | None = None,
    url: str | None = None,
    option: str = "metrics.lpips.weights",
) -> FeatureDistance:
    """LPIPS v0.1, Zhang et al. 2018 (arXiv 1801.03924): the distance that papers print.

    Args:
        net: alex or vgg.
        weights: a file with torchvision's network and, unless the lpips wheel is installed, the heads too
            (`features.*`, `lin0.weight` ... `lin4.weight`); otherwise torchvision's network is fetched once.
        bands: as in `FeatureDistance`.
        url: where from, instead of torchvision's place.
        option: by which the user names a file, for the message.

    Raises:
        MissingError: no weights to be had.
    """
    layers = _layers(net)
    build = imagenet_alexnet if net == "alex" else imagenet_vgg16
    heads = None if weights is None else lpips_heads_of(weights)
    heads = heads or lpips_heads(net)  # before anything is fetched
    network = build(weights, url, f"{option}=FILE (torchvision's network and the five heads)")
    # LPIPS' own normalisation, from [-1, 1], in numbers for [0, 1].
    network.mean.copy_((torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1) + 1) / 2)
    network.std.copy_(torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1) / 2)
    return FeatureDistance("LPIPS", network, layers, heads, SMALLEST_PX["LPIPS"][net], bands)


def _layers(net: str) -> list[str]:
    if net not in LAYERS:
        raise UserError(f"net={net}; the networks are {', '.join(LAYERS)}")
    return LAYERS[net]


def _unit(features: Tensor) -> Tensor:
    """Each position's features scaled to length 1."""
    return features / (features.norm(dim=1, keepdim=True) + 1e-10)
