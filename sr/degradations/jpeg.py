"""Equal to libjpeg in all but one pixel of 10,000: JPEG of a whole batch on its device, differentiable on request.

Baseline JPEG as ITU T.81 has it: YCbCr of BT.601, 4:4:4 or 4:2:0, the tables of annex K scaled to a quality of 1 to
100. All that libjpeg rounds is rounded as it does, and chroma is enlarged by its "fancy" triangle.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from imagecodecs import jpeg8_decode, jpeg8_encode
from torch import Tensor

from .operator import Draw, Interval, Operator, interval, pick, shares, to_levels, whole

SUBSAMPLINGS = ("4:4:4", "4:2:0")
LUMA_TABLE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
CHROMA_TABLE = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, *(99,) * 32,
)  # fmt: skip
# Whole numbers, as libjpeg has them: colours in 65536ths, rows of the cosine transform in 8192ths of sqrt(2) cos(...).
TO_YCC = ((19595, 38470, 7471), (-11059, -21709, 32768), (32768, -27439, -5329))
TO_RGB = ((65536, 0, 91881), (65536, -22554, -46802), (65536, 116130, 0))
COSINES = (
    (8192, 8192, 8192, 8192),
    (11363, 9633, 6437, 2260),
    (10703, 4433, -4433, -10703),
    (9633, -2259, -11362, -6436),
    (8192, -8192, -8192, 8192),
    (6437, -11362, 2261, 9633),
    (4433, -10704, 10704, -4433),
    (2260, -6436, 9633, -11363),
)  # fmt: skip  (the left half of each row; the right one mirrors it, in odd rows with the sign turned)


def tables(quality: int) -> Tensor:
    """What coefficients are divided by, luma and chroma, 2 x 64 in rows, at a quality of 1 to 100; as libjpeg."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return ((torch.tensor([LUMA_TABLE, CHROMA_TABLE]) * percent + 50) // 100).clamp(1, 255)


def jpeg(
    images: Sequence[Tensor], qualities: Sequence[int], subsamplings: Sequence[str], differentiable: bool = False
) -> list[Tensor]:
    """Compress and decompress images of any sizes, each at its own quality.

    Args:
        images: C h w in [0, 1]; three channels are RGB, of any other number each is a gray image.
        qualities: 1 to 100.
        subsamplings: of the chroma, 4:4:4 or 4:2:0.
        differentiable: coefficients are rounded by r + (x - r)^3, r = round(x) (Shin & Song, 2017), whose gradient is
            not zero, and nothing else is rounded: not the image that goes in, nor colours, nor the result.
    """
    split = [_planes(image, sub == "4:2:0", differentiable) for image, sub in zip(images, subsamplings, strict=True)]
    planes = [plane for both in split for plane in both]  # of each image luma, and then chroma where it has any
    which = [(i, k) for i, both in enumerate(split) for k in range(len(both))]
    blocks = [_to_blocks(plane) for plane in planes]
    counts = [len(block) for block in blocks]
    divisors = torch.stack([tables(qualities[i])[k] for i, k in which]).to(images[0])  # planes 64
    chosen = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts)).to(images[0].device)
    decoded = _coded(torch.cat(blocks), divisors[chosen], differentiable).split(counts)
    restored = [_from_blocks(block, plane.shape) for block, plane in zip(decoded, planes, strict=True)]
    result, at = [], 0
    for image, both, sub in zip(images, split, subsamplings, strict=True):
        result.append(_joined(restored[at : at + len(both)], image.shape, sub == "4:2:0", differentiable))
        at += len(both)
    return result


def _planes(image: Tensor, halved: bool, differentiable: bool) -> list[Tensor]:
    """Luma (or all channels that are gray images), and the two of chroma, around 0, in whole blocks of 8."""
    levels = _floor(image * 255, [0.5], differentiable).clamp(0, 255)
    if image.shape[0] != 3:
        return [_extended(levels - 128)]
    ycc = (_matrix(TO_YCC, image.device, image.dtype) @ levels.flatten(1)).view_as(image)
    luma = _floor(ycc[:1], [0.5], differentiable) - 128
    chroma = _floor(ycc[1:], [0.5 - 1 / 65536], differentiable)  # halves, which are frequent, go down
    if not halved:
        return [_extended(luma), _extended(chroma)]
    height, width = chroma.shape[1:]
    # As libjpeg: to the right the image is continued before it is halved, downwards to an even number of rows.
    chroma = F.pad(chroma[None], (0, -width % 16, 0, height % 2), mode="replicate")[0]
    return [_extended(luma), _extended(_floor(F.avg_pool2d(chroma, 2), [1 / 4, 2 / 4], differentiable))]


def _floor(x: Tensor, biases: Sequence[float], differentiable: bool) -> Tensor:
    """Whole numbers, as libjpeg rounds: a bias is added, of several one column by column, and the rest is cut off."""
    if differentiable:
        return x
    if len(biases) > 1:
        bias = torch.tensor(biases, dtype=x.dtype, device=x.device).repeat(x.shape[-1] // len(biases))
        return (x + bias).floor_()
    return (x + biases[0]).floor_()


def _extended(plane: Tensor) -> Tensor:
    height, width = plane.shape[1:]
    if height % 8 == width % 8 == 0:
        return plane
    return F.pad(plane[None], (0, -width % 8, 0, -height % 8), mode="replicate")[0]


def _to_blocks(plane: Tensor) -> Tensor:
    """C h w to blocks of 64."""
    c, h, w = plane.shape
    return plane.view(c, h // 8, 8, w // 8, 8).transpose(2, 3).reshape(-1, 64)


def _from_blocks(blocks: Tensor, shape: Sequence[int]) -> Tensor:
    c, h, w = shape
    return blocks.reshape(c, h // 8, w // 8, 8, 8).transpose(2, 3).reshape(c, h, w)


def _coded(blocks: Tensor, divisors: Tensor, differentiable: bool) -> Tensor:
    """Blocks after their coefficients were rounded to multiples of the divisors, in levels around 0.

    The two passes of each transform are rounded as libjpeg's accurate integer transform rounds them.
    """
    cosines = _cosines(blocks.device, blocks.dtype)

    def scaled(x: Tensor, bits: int) -> Tensor:
        return x * 0.5**bits if differentiable else x.mul_(0.5**bits).add_(0.5).floor_()

    rows = scaled(blocks.view(-1, 8, 8) @ cosines.T, 11)
    eighths = scaled(rows.transpose(1, 2) @ cosines.T, 15)  # n 8 8: columns, then frequencies of the rows
    divisors = divisors.view(-1, 8, 8).transpose(1, 2)
    ratio = eighths / (8 * divisors)
    if differentiable:
        near = ratio.detach().round()
        ratio = near + (ratio - near) ** 3
    else:
        ratio = ratio.add_(ratio.sign().mul_(0.5)).trunc_()  # halves are rounded away from zero
    columns = scaled((ratio * divisors) @ cosines, 11)
    return scaled(columns.transpose(1, 2) @ cosines, 18)


def _joined(planes: Sequence[Tensor], shape: Sequence[int], halved: bool, differentiable: bool) -> Tensor:
    """The planes of an image as C h w in [0, 1]."""
    c, height, width = shape
    luma = (planes[0][:, :height, :width] + 128).clamp(0, 255)
    if c != 3:
        return luma / 255
    chroma = planes[1].clamp(-128, 127)
    if halved:
        chroma = chroma[None, :, : (height + 1) // 2, : (width + 1) // 2]
        chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)[0]
        chroma = _floor(chroma, [8 / 16, 7 / 16], differentiable)
    ycc = torch.cat([luma, chroma[:, :height, :width]])
    rgb = (_matrix(TO_RGB, ycc.device, ycc.dtype) @ ycc.flatten(1)).view_as(ycc)
    return _floor(rgb, [0.5], differentiable).clamp(0, 255) / 255


@lru_cache(maxsize=8)
def _matrix(rows: tuple[tuple[int, ...], ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):
        return (torch.tensor(rows, dtype=torch.float64) / 65536).to(device, dtype)


@lru_cache(maxsize=8)
def _cosines(device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):
        left = torch.tensor(COSINES)
        right = left.flip(1) * torch.tensor([1, -1]).repeat(4)[:, None]
        return torch.cat([left, right], 1).to(device, dtype)


def by_libjpeg(image: Tensor, quality: int, subsampling: str) -> Tensor:
    """The same by libjpeg, on the host: the fastest way on a CPU."""
    levels = to_levels(image).byte().cpu()
    planes = [torch.stack(levels.unbind(), 2)] if len(levels) == 3 else list(levels)
    sampling = subsampling.replace(":", "")
    saved = [jpeg8_decode(jpeg8_encode(plane.numpy(), level=quality, subsampling=sampling)) for plane in planes]
    read = torch.from_numpy(saved[0]).permute(2, 0, 1) if len(levels) == 3 else torch.from_numpy(np.stack(saved))
    return read.to(image.device, image.dtype, memory_format=torch.contiguous_format).div_(255)


class JPEG(Operator):
    """JPEG of a random quality.

    Args:
        quality: whole numbers of 1 to 100, equally likely.
        subsampling: of the chroma: 4:2:0 and 4:4:4, how likely.
        differentiable: as in `jpeg`. Where it is not asked for, images on a CPU go through libjpeg itself.
        probability: that it is applied.
    """

    def __init__(
        self,
        quality: Interval = (30, 95),
        subsampling: Mapping[str, float] = {"4:2:0": 1.0},
        differentiable: bool = False,
        probability: float = 1.0,
    ) -> None:
        super().__init__(probability)
        self.quality = interval("quality", quality, 1, 100)
        self.subsampling = shares("subsampling", subsampling, SUBSAMPLINGS)
        self.differentiable = differentiable

    def draw(self, random: np.random.Generator) -> Draw:
        return {"quality": whole(random, self.quality), "subsampling": pick(random, self.subsampling)}

    def forward(self, images: Sequence[Tensor], draws: Sequence[Draw], lr_size: tuple[int, int]) -> list[Tensor]:
        if images[0].device.type == "cpu" and not self.differentiable:
            both = zip(images, draws, strict=True)
            return [by_libjpeg(image, draw["quality"], draw["subsampling"]) for image, draw in both]
        qualities, subsamplings = ([draw[key] for draw in draws] for key in ("quality", "subsampling"))
        return jpeg(images, qualities, subsamplings, self.differentiable)
