"""The mean over images: what every table of the field prints."""

import torch
from torch import Tensor
from torchmetrics import Metric


class MeanOverImages(Metric):
    """Sums a score per image and divides by the number of images; sums and counts add up across processes.

    torchmetrics' own PSNR pools squared error over all images instead, which is another (lower) number.

    Attributes:
        title: above its column, with the unit, and the direction where lower is better; "": the name in the config.
        digits: after the decimal point, as papers print them.
        higher_is_better: which of two scores wins.
        protocol: how the number is made, in words; it is printed with the number.
        inputs: which of "sr", "hr", "lr" the metric looks at, in the order of its arguments.
        axis: of the perception-distortion plane, "distortion" or "perception"; "" for neither.
        axis_rank: of several metrics for one axis, the one of the lowest rank is drawn.
    """

    full_state_update = False
    title = ""
    digits = 4
    protocol = ""
    inputs: tuple[str, ...] = ("sr", "hr")
    axis = ""
    axis_rank = 0
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def score(self, *images: Tensor) -> Tensor:
        """One score an image: a tensor of shape (N,)."""
        raise NotImplementedError

    def update(self, *images: Tensor) -> None:
        """Add N images: what `inputs` names, each N C H W in [0, 1]."""
        scores = self.score(*images)
        self.total += scores.sum()
        self.count += len(scores)

    def compute(self) -> Tensor:
        return self.total / self.count
