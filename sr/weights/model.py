"""What a file of another project holds, whichever package reads it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn as nn
from torch import Tensor

from sr.image.range import Range


@dataclass(frozen=True)
class Model:
    """A network that was read from a file.

    Args:
        run: lr (N C H W in [0, 1], float32, on the device that it was read for) to sr (N C sH sW).
        scale: s.
        channels: C.
        parameters: how many it has learnt; None where that is not known.
        bounded: its receptive field may be smaller than the image, so that it is worth measuring.
        network: behind `run`, where there is one of torch's.
        range: the values that it was trained to see as 0 and 1; None for each file's own.
    """

    run: Callable[[Tensor], Tensor]
    scale: int
    channels: int
    parameters: int | None
    bounded: bool
    network: nn.Module | None = None
    range: Range | None = None
