"""From a batch of a data set to the images (lr, hr) of networks; the same for training, validation and evaluation."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sr.errors import UserError
from sr.image.range import unit

Degradation = Callable[[Tensor, Sequence[int]], tuple[Tensor, Tensor]]


def lr_size(hr: Tensor, scale: int) -> tuple[int, int]:
    """Height and width of what is made of N C sH sW.

    Raises:
        UserError: hr is not divisible by the scale.
    """
    height, width = (size // scale for size in hr.shape[-2:])
    if (height * scale, width * scale) != hr.shape[-2:]:
        raise UserError(f"HR is {hr.shape[-1]}x{hr.shape[-2]}, not divisible by scale {scale}; crop it to "
                        f"{width * scale}x{height * scale}")  # fmt: skip
    return height, width


def pair(
    batch: Mapping[str, Any],
    degradation: Degradation,
    device: torch.device | str,
    memory_format: torch.memory_format = torch.contiguous_format,
) -> tuple[Tensor, Tensor]:
    """(lr, hr), N C H W and N C sH sW in [0, 1], on `device`.

    Args:
        batch: hr, and lr where the set has files of it, N C H W, bytes or float in [0, 1]; n, the samples' numbers.
        degradation: makes lr where there are no files of it.
    """
    hr = unit(batch["hr"].to(device), memory_format)
    if "lr" in batch:
        return unit(batch["lr"].to(device), memory_format), hr
    with torch.autocast(torch.device(device).type, enabled=False):
        lr, hr = degradation(hr, batch["n"])
    return lr.contiguous(memory_format=memory_format), hr.contiguous(memory_format=memory_format)


@torch.no_grad()
def aim(hr: Tensor, degradation: Any) -> Tensor:
    """What content losses compare with: hr as `pair` returns it, sharpened where the degradation has `sharpen`."""
    sharpen = getattr(degradation, "sharpen", None)
    if sharpen is None:
        return hr
    last = hr.is_contiguous(memory_format=torch.channels_last)
    with torch.autocast(hr.device.type, enabled=False):
        sharp: Tensor = sharpen(hr)
    return sharp.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
