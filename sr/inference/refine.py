"""What may be done around a network: mean over symmetries, agreement with the input, and a map of what is invented."""

from collections.abc import Callable

import torch
from torch import Tensor

from sr.image.resize import imresize, resize_to

Enlarge = Callable[[Tensor], Tensor]
SYMMETRIES = 8


def ensemble(enlarge: Enlarge, lr: Tensor) -> tuple[Tensor, Tensor]:
    """Enlarge the eight flips and quarter turns and turn them back (Timofte et al. 2016, arXiv 1511.02228, section 3).

    Args:
        enlarge: N C H W to N C sH sW, square images or not.
        lr: N C H W.

    Returns:
        The mean, and the standard deviation of the eight: where the eight differ, the network invents.
    """
    mean = squares = torch.zeros((), device=lr.device)  # of deviations from the mean so far: Welford 1962
    for i in range(SYMMETRIES):
        turned = lr.rot90(i % 4, (-2, -1))
        turned = turned.flip(-1) if i >= 4 else turned
        sr = enlarge(turned.contiguous())
        sr = (sr.flip(-1) if i >= 4 else sr).rot90(-(i % 4), (-2, -1))
        before = sr - mean.to(sr.device)
        mean = mean.to(sr.device) + before / (i + 1)
        squares = squares.to(sr.device) + before * (sr - mean)
    return mean, (squares / SYMMETRIES).clamp(min=0).sqrt()


def back_project(sr: Tensor, lr: Tensor, steps: int = 10) -> Tensor:
    """Lock colours and brightness to the input: sr + up(lr - down(sr)), again and again (Irani & Peleg 1991).

    Args:
        sr: N C sH sW.
        lr: N C H W.
        steps: each leaves about a third of the disagreement.
    """
    scale = sr.shape[-1] // lr.shape[-1]
    for _ in range(steps):
        sr = sr + imresize(disagreement(sr, lr), scale)
    return sr


def disagreement(sr: Tensor, lr: Tensor) -> Tensor:
    """The difference between lr and sr shrunk by the bicubic of the benchmarks: N C H W."""
    return lr - resize_to(sr, lr.shape[-2], lr.shape[-1])


def uncertainty(deviation: Tensor, sr: Tensor, lr: Tensor) -> Tensor:
    """A map of what was invented: the deviation of `ensemble`, or what sr gets wrong about lr, where that is more.

    Returns:
        N 1 sH sW, in the units of the image.
    """
    scale = sr.shape[-1] // lr.shape[-1]
    wrong = disagreement(sr, lr).abs().repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    return torch.maximum(deviation, wrong).amax(1, keepdim=True)
