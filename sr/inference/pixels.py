"""From the numbers of a file to those of a network and back: any depth, any channels."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sr.resize import resize_axis

from . import refine
from .memory import free_bytes
from .models import Enlarger

FILL_PX = 16  # how far what is missing is filled from its neighbours


@dataclass(frozen=True)
class Options:
    """What is done around the network.

    Args:
        scale: of the result, where it is not the network's.
        box: (width, height) to fit the result into instead, its shape kept.
        symmetries: mean over flips and quarter turns; eight times the work.
        back_projections: steps of locking colours and brightness to the input.
        uncertainty: make a map of what was invented too; asks for the symmetries.
        axis: of a volume, along which slices are taken: x, y, z, all, or auto.
    """

    scale: float | None = None
    box: tuple[int, int] | None = None
    symmetries: bool = False
    back_projections: int = 0
    uncertainty: bool = False
    axis: str = "auto"

    def size(self, height: int, width: int, scale: int) -> tuple[int, int]:
        """Height and width of the result, for an input of these and a network of this scale."""
        factor = self.scale or scale
        if self.box is not None:
            factor = min(self.box[0] / width, self.box[1] / height)
        return max(round(height * factor), 1), max(round(width * factor), 1)


@dataclass(frozen=True)
class Stretch:
    """A part of one axis of the result, and the part of the input that it is made from.

    Args:
        size, first, last: the axis of the result, and the part: [first, last).
        lr_size, lr_first, lr_last: those of the input, with what the network sees around.
    """

    size: int
    first: int
    last: int
    lr_size: int
    lr_first: int
    lr_last: int

    @classmethod
    def whole(cls, size: int, lr_size: int) -> "Stretch":
        return cls(size, 0, size, lr_size, 0, lr_size)

    def of(self, image: Tensor, dim: int, scale: int = 1) -> Tensor:
        """This part of the result, of an input part that was enlarged by `scale` already."""
        return resize_axis(image, dim, self.size, self.first, self.last, self.lr_size * scale, self.lr_first * scale)

    def nearest(self) -> Tensor:
        """For each pixel of the part, where in the input part it lies."""
        at = (torch.arange(self.first, self.last) + 0.5) * (self.lr_size / self.size)
        return at.long().clamp(0, self.lr_size - 1) - self.lr_first


def enlarge(
    enlarger: Enlarger,
    pixels: np.ndarray,
    alpha: bool = False,
    options: Options | None = None,
    bounds: tuple[float, float] | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Enlarge an image of any depth and any number of channels.

    Colours go through a colour network together. Where the network was made for another number of channels, each
    channel goes through it on its own. Transparency is enlarged bicubically. Pixels that are no numbers stay so.

    Args:
        enlarger: to use.
        pixels: H W C, or several of one size N H W C; integers or float.
        alpha: whether the last channel is transparency.
        options: what else is done.
        bounds: what the network is to see as 0 and 1, as in `bounds_of`.

    Returns:
        (N) sH sW C of the same type (float32 for any float), and the map of what was invented, (N) sH sW 1 uint8, in
        which white is a tenth of the range or more.
    """
    options = options or Options()
    lr_height, lr_width = pixels.shape[-3:-1]
    height, width = options.size(lr_height, lr_width, enlarger.scale)
    rows, columns = Stretch.whole(height, lr_height), Stretch.whole(width, lr_width)
    return enlarge_part(enlarger, pixels, rows, columns, alpha, options, bounds or bounds_of(pixels))


@torch.inference_mode()
def enlarge_part(
    enlarger: Enlarger,
    pixels: np.ndarray,
    rows: Stretch,
    columns: Stretch,
    alpha: bool,
    options: Options,
    bounds: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray | None]:
    """As `enlarge`, a part of the result from a part of the input."""

    def part(image: Tensor, scale: int = 1) -> Tensor:
        return columns.of(rows.of(image, -2, scale), -1, scale)

    image = _to_unit(pixels, bounds)
    missing = ~image.isfinite()
    if missing.any():
        image = filled(image, missing)
    colours = image[:, :-1] if alpha else image
    if options.symmetries or options.uncertainty:
        sr, deviation = refine.ensemble(lambda lr: _through(enlarger, lr), colours)
    else:
        sr, deviation = _through(enlarger, colours), None
    colours = colours.to(sr.device)
    if options.back_projections:
        sr = refine.back_project(sr, colours, options.back_projections)
    invented = None
    if options.uncertainty and deviation is not None:
        found = part(10 * refine.uncertainty(deviation, sr, colours), enlarger.scale)
        invented = _from_unit(found, np.dtype(np.uint8), (0, 255), pixels.ndim)
    sr = part(sr, enlarger.scale)
    if alpha:
        sr = torch.cat([sr, part(image[:, -1:].to(sr))], 1)
    if missing.any():
        holes = missing[:, :, rows.nearest()][..., columns.nearest()]
        sr[holes.to(sr.device)] = torch.nan
    return _from_unit(sr, pixels.dtype, bounds, pixels.ndim), invented


def _through(enlarger: Enlarger, image: Tensor) -> Tensor:
    have, wanted = image.shape[1], enlarger.channels
    if wanted in (None, have):
        sr = enlarger(image)
    else:
        bands = image.transpose(0, 1)  # each channel an image
        made = [enlarger(band[:, None].expand(-1, wanted, -1, -1)).mean(1, keepdim=True) for band in bands]
        sr = torch.cat([band.to(made[-1].device) for band in made], 1)
    # What is done with the result takes several times its size; a CPU has been asked for that beforehand.
    crowded = sr.device.type == "cuda" and 16 * sr.nbytes > free_bytes(sr.device)
    return sr.cpu() if crowded else sr


def filled(image: Tensor, missing: Tensor) -> Tensor:
    """What is no number gets the mean of its neighbours, ring by ring, so that no edge is seen where data end."""
    known = (~missing).to(image.dtype)
    image = torch.where(missing, 0.0, image)
    for _ in range(FILL_PX):
        near = F.avg_pool2d(known, 3, 1, 1)
        means = F.avg_pool2d(image, 3, 1, 1) / near.clamp(min=1e-6)
        fresh = (near > 0) & (known == 0)
        if not fresh.any():
            break
        image = torch.where(fresh, means, image)
        known = torch.where(fresh, 1.0, known)
    return torch.where(known == 0, 0.5, image)


def bounds_of(pixels: np.ndarray) -> tuple[float, float]:
    """What the network sees as 0 and as 1.

    Of 8 and 16 unsigned bits all that they can hold; of other types, [0, 1] where that holds all, or else the least
    and the most that there is.
    """
    if pixels.dtype in (np.uint8, np.uint16):
        return 0.0, float(np.iinfo(pixels.dtype).max)
    return least_and_most(pixels, pixels.dtype)


def least_and_most(pixels: np.ndarray, dtype: np.dtype) -> tuple[float, float]:
    """`bounds_of` by what there is alone, of pixels that a file holds as `dtype`."""
    finite = pixels[np.isfinite(pixels)] if pixels.dtype.kind == "f" else pixels
    return unit_bounds(float(finite.min()), float(finite.max()), dtype) if finite.size else (0.0, 1.0)


def unit_bounds(low: float, high: float, dtype: np.dtype) -> tuple[float, float]:
    """`bounds_of` for an image of which the least and the most are known."""
    if np.issubdtype(dtype, np.floating) and low >= 0 and high <= 1:
        return 0.0, 1.0
    return low, high if high > low else low + 1


def _to_unit(pixels: np.ndarray, bounds: tuple[float, float]) -> Tensor:
    """N C H W; in [0, 1] within the bounds."""
    low, high = bounds
    exact = np.float32 if pixels.dtype.itemsize <= 2 or pixels.dtype == np.float32 else np.float64
    unit = (np.moveaxis(pixels, -1, -3).astype(exact) - exact(low)) / exact(high - low)
    return torch.from_numpy(unit.astype(np.float32, copy=False)).reshape(-1, *unit.shape[-3:])


def _from_unit(image: Tensor, dtype: np.dtype, bounds: tuple[float, float], ndim: int) -> np.ndarray:
    (low, high), integers = bounds, np.issubdtype(dtype, np.integer)
    image = image.float() if dtype.itemsize <= 2 or not integers else image.double()
    image = image.clamp(0, 1) * (high - low) + low  # a network that overshoots leaves the range of the file
    made = (image.round() if integers else image).permute(0, 2, 3, 1).cpu().numpy()
    return (made if ndim == 4 else made[0]).astype(dtype if integers else np.float32)
