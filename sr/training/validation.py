"""Scores of the averaged generator on whole images, beside those of bicubic enlarging."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from sr.image.resize import imresize
from sr.metrics import Checkerboard, ColourShift


class Validation(nn.Module):
    """Metrics of a generator and, for the first time through the images, of bicubic.

    Args:
        metrics: name -> torchmetrics metric of (sr, hr), or of what its `inputs` name.
    """

    def __init__(self, metrics: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.metrics = nn.ModuleDict(metrics)
        self.bicubic_metrics = deepcopy(self.metrics)
        self.signs = nn.ModuleDict({"colour_shift": ColourShift(), "checkerboard": Checkerboard()})  # of ill health
        self.bicubic: dict[str, float] = {}  # their values, once the images have been seen

    def update(self, generator: nn.Module, lr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """Score one batch; returns lr, sr and hr (N C H W and N C sH sW in [0, 1])."""
        with torch.autocast(lr.device.type, enabled=False):  # scores are those of the fp32 network
            images = {"lr": lr, "sr": generator(lr).clamp(0, 1), "hr": hr}
            _update(self.metrics, images)
            _update(self.signs, images)
            if not self.bicubic:
                bicubic = imresize(lr, hr.shape[-1] / lr.shape[-1]).clamp(0, 1)
                _update(self.bicubic_metrics, images | {"sr": bicubic})
        return images

    def compute(self) -> dict[str, float]:
        """Means over the images of all processes; the metrics start anew."""
        if not self.bicubic:
            self.bicubic = _compute(self.bicubic_metrics)
        return _compute(self.metrics)

    def compute_signs(self) -> dict[str, float]:
        """The same for what tells of a failing generator, whatever the metrics are."""
        return _compute(self.signs)

    def reset(self) -> None:
        """Forget the images seen."""
        for metric in (*self.metrics.values(), *self.bicubic_metrics.values(), *self.signs.values()):
            metric.reset()  # type: ignore[operator]


def _update(metrics: Any, images: Mapping[str, Tensor]) -> None:
    for metric in metrics.values():
        metric.update(*(images[name] for name in getattr(metric, "inputs", ("sr", "hr"))))


def _compute(metrics: Any) -> dict[str, float]:
    values = {name: float(metric.compute()) for name, metric in metrics.items()}
    for metric in metrics.values():
        metric.reset()
    return values
