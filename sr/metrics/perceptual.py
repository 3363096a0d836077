"""Perceptual distance: how different two images look to a network that was taught by people's judgements."""

import torch
import torch.nn as nn
from torch import Tensor

from sr.backbones import alexnet, shift_tolerant_state, three_channels
from sr.errors import UserError

from .mean import MeanOverImages

SMALLEST_PX = 24  # what is left behind three halvings must still be reflected by two pixels
LAYERS = ["relu1", "relu2", "relu3", "relu4", "relu5"]


class ShiftTolerantLPIPS(nn.Module):
    """ST-LPIPS with AlexNet, Ghildyal & Liu, ECCV 2022: LPIPS that a shift by a pixel does not fool. Offline.

    sum over layers of the mean over positions of head . (unit(phi(sr)) - unit(phi(hr)))^2

    Args:
        bands: three channels to look at, for images that are neither gray nor RGB.
    """

    def __init__(self, bands: list[int] | None = None) -> None:
        super().__init__()
        self.backbone = alexnet()
        self.bands = bands
        state = shift_tolerant_state("alex")
        for i in range(len(LAYERS)):
            self.register_buffer(f"head{i}", state[f"lin{i}.model.1.weight"].float(), persistent=False)

    @torch.no_grad()
    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """N C H W in [0, 1] twice, to N distances (0 = equal).

        Raises:
            UserError: a side shorter than the network can see.
        """
        if min(sr.shape[-2:]) < SMALLEST_PX:
            raise UserError(f"ST-LPIPS sees images of at least {SMALLEST_PX} pixels, got {sr.shape[-1]}x{sr.shape[-2]}")
        features_sr = self.backbone(three_channels(sr.float().clamp(0, 1), self.bands), LAYERS)
        features_hr = self.backbone(three_channels(hr.float(), self.bands), LAYERS)
        distance = sr.new_zeros(len(sr), dtype=torch.float32)
        for i, name in enumerate(LAYERS):
            difference = (_unit(features_sr[name]) - _unit(features_hr[name])) ** 2
            distance += torch.einsum("nchw,c->nhw", difference, getattr(self, f"head{i}").flatten()).mean((1, 2))
        return distance


class STLPIPS(MeanOverImages):
    """Mean over images of ST-LPIPS (AlexNet); lower is better."""

    higher_is_better = False

    def __init__(self, bands: list[int] | None = None) -> None:
        super().__init__()
        self.distance = ShiftTolerantLPIPS(bands)

    def score(self, sr: Tensor, hr: Tensor) -> Tensor:
        with torch.autocast(sr.device.type, enabled=False):
            return self.distance(sr, hr).double()


def _unit(features: Tensor) -> Tensor:
    """Each position's features scaled to length 1."""
    return features / (features.norm(dim=1, keepdim=True) + 1e-10)
