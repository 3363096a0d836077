"""Scores of the averaged generator on whole images, beside those of bicubic enlarging."""

from collections.abc import Mapping, Sequence
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
        self.of_bicubic: dict[int, dict[str, float]] = {}  # number of a set -> values, once its images have been seen
        self.before: list[dict[str, float]] = []  # values of the sets that were before this one

    @property
    def bicubic(self) -> dict[str, float]:
        """The values of bicubic on the first set."""
        return self.of_bicubic.get(0, {})

    def go_to(self, number: int) -> None:
        """What follows are images of this set; all processes go through all sets, in order."""
        if number > len(self.before):
            self.before.append(self._values())

    def update(self, generator: nn.Module, lr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """Score one batch; returns lr, sr and hr (N C H W and N C sH sW in [0, 1])."""
        with torch.autocast(lr.device.type, enabled=False):  # scores are those of the fp32 network
            images = {"lr": lr, "sr": generator(lr).clamp(0, 1), "hr": hr}
            _update(self.metrics, images)
            _update(self.signs, images)
            if len(self.before) not in self.of_bicubic:
                bicubic = imresize(lr, hr.shape[-1] / lr.shape[-1]).clamp(0, 1)
                _update(self.bicubic_metrics, images | {"sr": bicubic})
        return images

    def compute_row(self, sets: Sequence[str]) -> dict[str, float]:
        """`val/NAME` of the first set and `val/SET/NAME` of the others, of bicubic as `NAME_bicubic`, and the signs.

        Args:
            sets: their names; one that has none is named by its number.
        """
        values, self.before = [*self.before, self._values()], []
        names = dict(enumerate(sets))
        prefixes = ["val", *(f"val/{names.get(i, i)}" for i in range(1, len(values)))]
        return {f"{prefix}/{name}": value for prefix, row in zip(prefixes, values, strict=True)
                for name, value in row.items()}  # fmt: skip

    def _values(self) -> dict[str, float]:
        """Means over the images of this set, of all processes; the metrics start anew."""
        number = len(self.before)
        if number not in self.of_bicubic:
            self.of_bicubic[number] = _compute(self.bicubic_metrics)
        bicubic = {f"{name}_bicubic": value for name, value in self.of_bicubic[number].items()}
        return _compute(self.metrics) | bicubic | _compute(self.signs)

    def reset(self) -> None:
        """Forget the images seen."""
        self.before = []
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
