"""Scores of one enlarger on one set of images."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric


@torch.inference_mode()
def score(
    enlarge: Callable[[Tensor], Tensor],
    images: Any,
    metrics: Mapping[str, Metric],
    device: torch.device | str = "cpu",
    rank: int = 0,
    world: int = 1,
) -> dict[str, float]:
    """Enlarge every image and mean every metric, also over several processes.

    Args:
        enlarge: lr (1 C H W, in [0, 1]) to sr (1 C sH sW).
        images: a sized sequence of {"lr", "hr"}, raw integers.
        metrics: name -> metric of (sr, hr); left as they are.
        rank, world: this process takes every world-th image, and all get the same means.
    """
    metrics = {name: deepcopy(metric).to(device) for name, metric in metrics.items()}
    for metric in metrics.values():
        metric.reset()
    for i in range(rank, len(images), world):
        image = images[i]
        lr, hr = (image[side][None].to(device) for side in ("lr", "hr"))
        sr = enlarge(lr.float() / torch.iinfo(lr.dtype).max).clamp(0, 1)
        for metric in metrics.values():
            metric.update(sr, hr.float() / torch.iinfo(hr.dtype).max)
    return {name: float(metric.compute()) for name, metric in metrics.items()}
