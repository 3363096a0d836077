"""What a file of another project holds, whichever package reads it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn as nn
from torch import Tensor

from sr.errors import reason
from sr.image.range import Range

from .reading import UnusableWeights

Run = Callable[[Tensor], Tensor]
SIDES_PX = (16, 64)  # of the image that a network is tried on; the larger one for those that do not take the smaller


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
        note: what a user should know of it, often nothing.
    """

    run: Run
    scale: int
    channels: int
    parameters: int | None
    bounded: bool
    network: nn.Module | None = None
    range: Range | None = None
    note: str = ""


@torch.inference_mode()
def tried(path: Path, run: Run, channels: int, device: torch.device, sizes: list[tuple[int, int]] | None = None) -> int:
    """The scale of a network, tried on a gray image; what it says of itself is not asked.

    Args:
        path: of its file, for messages.
        run: the network.
        channels: that it takes.
        device: that it is on.
        sizes: height and width of the images to try, until it takes one.

    Raises:
        UnusableWeights: it fails, gives NaN, or makes something else than a larger image of as many channels.
    """
    failures: list[tuple[str, Exception]] = []
    for height, width in sizes or [(side, side) for side in SIDES_PX]:
        try:
            sr = run(torch.full((1, channels, height, width), 0.5, device=device))
        except Exception as error:  # whatever a stranger's network makes of it
            failures.append((f"{width}x{height}", error))
            continue
        made = tuple(sr.shape)
        scale = made[-1] // width if len(made) == 4 else 0
        if scale < 1 or made != (1, channels, scale * height, scale * width):
            raise UnusableWeights(
                f"{path}: its network makes {made} of {(1, channels, height, width)}; an image as large, or a whole "
                "number of times larger, of as many channels is needed"
            )
        if not sr.isfinite().all():
            raise UnusableWeights(f"{path}: its network makes NaN or infinity of a gray image; name other weights")
        return scale
    size, failure = failures[0]
    if isinstance(failure, UnusableWeights):  # which says the same
        raise failure
    raise UnusableWeights(f"{path}: its network fails on an image of {size} ({reason(failure)})") from failure
