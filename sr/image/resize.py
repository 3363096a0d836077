"""MATLAB's `imresize(..., 'bicubic')` with antialiasing: the resize behind every benchmark of the field.

Kernel: Keys' cubic with a = -0.5, widened by 1/scale when shrinking, weights normalised to 1, border replicated.
Rows are resized first, then columns, as MATLAB does when both scales are equal.
"""

from functools import lru_cache
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from sr.errors import UserError


def imresize(image: Tensor, scale: float, clip: bool = False, levels: float | Tensor | None = None) -> Tensor:
    """Resize by `scale` (4 enlarges, 1/4 shrinks) in floating point.

    Args:
        image: ... H W, float32 or float64, any range, any device.
        clip: to [0, 1] after each of the two passes, as MATLAB clips integers to their range.
        levels: clip, and round half up to multiples of 1 / levels, after each of them, as MATLAB rounds integers: 255
            makes the LR files of the benchmarks, of images that hold such multiples. One number, or one an image.

    Returns:
        ... ceil(scale H) ceil(scale W), of the same type and device.
    """
    if scale == int(scale) and not clip and levels is None:
        return _enlarge(image, int(scale))
    rows = _on(image.shape[-2], scale, image.device, image.dtype)
    columns = _on(image.shape[-1], scale, image.device, image.dtype)
    # A half-precision product would be wrong in the third digit: under autocast, stay in the type that came in.
    with torch.autocast(image.device.type, enabled=False):
        if levels is not None:
            whole = (image * levels).round()  # sums of whole numbers are exact where one of [0, 1] is not
            half = torch.minimum((rows @ whole + 0.5).floor().clamp(min=0), torch.as_tensor(levels).to(image))
            return ((half @ columns.T + 0.5).floor() / levels).clamp(0, 1)
        if clip:
            return ((rows @ image).clamp(0, 1) @ columns.T).clamp(0, 1)
        return rows @ image @ columns.T


def imresize_uint8(image: Tensor, scale: float) -> Tensor:
    """Resize as MATLAB resizes a uint8 (or uint16) image: rounded half up and clipped after each of the two passes.

    Equal to the LR files of Set5, Set14 and BSD100 in every pixel.

    Args:
        image: ... H W, uint8 or uint16.
    """
    peak = torch.iinfo(image.dtype).max
    return (imresize(image.double() / peak, scale, levels=peak) * peak).round().to(image.dtype)


def shrink_like(image: Tensor, small: Tensor) -> Tensor:
    """Shrink an image by the whole number that makes it as large as `small`.

    Args:
        image: N C sH sW.
        small: N C H W.

    Raises:
        UserError: the sizes are not s apart.
    """
    scale = image.shape[-1] / small.shape[-1]
    if scale != int(scale) or image.shape[-2] != scale * small.shape[-2]:
        raise UserError(f"SR {tuple(image.shape[-2:])} is no multiple of LR {tuple(small.shape[-2:])}")
    return imresize(image, 1 / scale)


def resize_to(image: Tensor, height: int, width: int) -> Tensor:
    """The same to any size, each axis by its own scale; without a matrix, so that images may be large.

    Args:
        image: ... H W, floating point.
        height, width: of the result.
    """
    return resize_axis(resize_axis(image, -2, height), -1, width)


def resize_axis(
    image: Tensor, dim: int, out: int, first: int = 0, last: int | None = None, size: int | None = None, offset: int = 0
) -> Tensor:
    """One axis, or a part of it from a part of the image, equal to that part of the whole.

    Args:
        image: floating point.
        dim: the axis, counted from the end: -1 or -2.
        out: what the whole axis is resized to.
        first, last: the part of the result that is made; all of it unless given.
        size: of the whole axis, where `image` holds a part of it; from pixel `offset` on.
    """
    size, last = size or image.shape[dim], out if last is None else last
    if out == size:
        return image if last - first == image.shape[dim] else image.narrow(dim, first - offset, last - first)
    index, weights = (part.to(image.device) for part in _taps(size, out / size, first, last))
    index = index - offset
    weights = weights.to(image.dtype)[..., None] if dim == -2 else weights.to(image.dtype)
    return sum(image.index_select(dim, index[:, k]) * weights[:, k] for k in range(index.shape[1]))  # type: ignore[return-value]


def support(size: int, out: int, first: int, last: int) -> tuple[int, int]:
    """The pixels, from and to, of an axis of `size` that make the pixels [first, last) of it resized to `out`."""
    if out == size:
        return first, last
    index = _taps(size, out / size, first, last)[0]
    return int(index[0].min()), int(index[-1].max()) + 1


def _enlarge(image: Tensor, scale: int) -> Tensor:
    """By a whole number: each phase is a filter of 5 taps, where the matrix of a large image is mostly zeros."""
    phases = _on(9, scale, image.device, image.dtype)[4 * scale : 5 * scale, 2:7]  # those of an inner pixel
    (height, width), others = image.shape[-2:], image.shape[:-2]
    x = image.reshape(-1, 1, height, width)
    with torch.autocast(image.device.type, enabled=False):
        x = F.conv2d(F.pad(x, (0, 0, 2, 2), mode="replicate"), phases[:, None, :, None])  # n s H W
        x = x.transpose(1, 2).reshape(-1, 1, height * scale, width)
        x = F.conv2d(F.pad(x, (2, 2, 0, 0), mode="replicate"), phases[:, None, None, :])  # n s sH W
    return x.permute(0, 2, 3, 1).reshape(*others, height * scale, width * scale)


@lru_cache(maxsize=64)
def _on(size: int, scale: float, device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):
        return _weights(size, scale).to(device, dtype)


@lru_cache(maxsize=64)
def _weights(size: int, scale: float) -> Tensor:
    """The resize of one axis as a matrix, (ceil(scale size), size) in float64."""
    index, weights = _taps(size, scale, 0, ceil(scale * size))
    matrix = torch.zeros(len(index), size, dtype=torch.float64)
    return matrix.scatter_add_(1, index, weights)


@lru_cache(maxsize=16)
def _taps(size: int, scale: float, first: int, last: int) -> tuple[Tensor, Tensor]:
    """Which pixels of one axis make each of the new ones [first, last), and with which weights: new x taps each."""
    with torch.inference_mode(False):  # the cache outlives the mode, and inference tensors refuse autograd
        stretch = min(scale, 1.0)  # shrinking widens the kernel: that is the antialiasing
        width = 4 / stretch
        centre = torch.arange(first + 1, last + 1, dtype=torch.float64) / scale + 0.5 * (
            1 - 1 / scale
        )  # in input pixels from 1
        taps = torch.floor(centre - width / 2)[:, None] + torch.arange(ceil(width) + 2, dtype=torch.float64)
        weights = stretch * cubic(stretch * (centre[:, None] - taps))
        return (taps.long() - 1).clamp(0, size - 1), weights / weights.sum(1, keepdim=True)


def cubic(x: Tensor, a: float = -0.5) -> Tensor:
    """Keys 1981, eq. 4; a is -0.5 in MATLAB and Pillow, -0.75 in OpenCV."""
    x = x.abs()
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))
