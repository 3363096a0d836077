"""Enlarging without a network: what every table begins with. Each takes any number of channels."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from sr.image.resize import imresize


def bicubic(lr: Tensor, scale: int) -> Tensor:
    """N C H W to N C sH sW, as MATLAB's imresize."""
    return imresize(lr, scale)


def bilinear(lr: Tensor, scale: int) -> Tensor:
    """N C H W to N C sH sW; pixels are squares: corners are not aligned."""
    return F.interpolate(lr, scale_factor=scale, mode="bilinear", align_corners=False)


def nearest(lr: Tensor, scale: int) -> Tensor:
    """N C H W to N C sH sW, each pixel s x s times."""
    return lr.repeat_interleave(scale, -1).repeat_interleave(scale, -2)


def lanczos(lr: Tensor, scale: int) -> Tensor:
    """N C H W to N C sH sW, with three lobes, as Pillow computes it: on the CPU."""
    size = (lr.shape[-1] * scale, lr.shape[-2] * scale)
    planes = lr.flatten(0, 1).cpu().numpy()
    made = [np.asarray(Image.fromarray(p).resize(size, Image.Resampling.LANCZOS)) for p in planes]
    return torch.from_numpy(np.stack(made)).view(*lr.shape[:2], size[1], size[0]).to(lr)


INTERPOLATIONS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "bicubic": bicubic, "bilinear": bilinear, "nearest": nearest, "lanczos": lanczos,
}  # fmt: skip
