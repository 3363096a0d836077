"""From the numbers of a file to those of a network and back: any depth, any channels."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sr.resize import resize_to

from . import refine
from .models import Enlarger


@dataclass(frozen=True)
class Options:
    """What is done around the network.

    Args:
        scale: of the result, where it is not the network's.
        box: (width, height) to fit the result into instead, its shape kept.
        symmetries: mean over flips and quarter turns; eight times the work.
        back_projections: steps of locking colours and brightness to the input.
        uncertainty: make a map of what was invented too; asks for the symmetries.
    """

    scale: float | None = None
    box: tuple[int, int] | None = None
    symmetries: bool = False
    back_projections: int = 0
    uncertainty: bool = False

    def size(self, height: int, width: int, scale: int) -> tuple[int, int]:
        """Height and width of the result, for an input of these and a network of this scale."""
        factor = self.scale or scale
        if self.box is not None:
            factor = min(self.box[0] / width, self.box[1] / height)
        return max(round(height * factor), 1), max(round(width * factor), 1)


@torch.inference_mode()
def enlarge(
    enlarger: Enlarger, pixels: np.ndarray, alpha: bool = False, options: Options | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Enlarge an image of any depth and any number of channels.

    Colours go through a colour network together. Where the network was made for another number of channels, each
    channel goes through it on its own. Transparency is enlarged bicubically. Pixels that are no numbers stay so.

    Args:
        enlarger: to use.
        pixels: H W C uint8, uint16 or float.
        alpha: whether the last channel is transparency.
        options: what else is done.

    Returns:
        sH sW C of the same type (float32 for any float), and the map of what was invented, sH sW 1 uint8, in which
        white is a tenth of the range or more.
    """
    options = options or Options()
    height, width = options.size(pixels.shape[0], pixels.shape[1], enlarger.scale)
    image, low, high = _to_unit(pixels)
    missing = ~image.isfinite()
    if missing.any():
        image = torch.where(missing, image[~missing].mean() if not missing.all() else 0.0, image)
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
        invented = _from_unit(resize_to(10 * refine.uncertainty(deviation, sr, colours), height, width),
                              np.dtype(np.uint8), 0, 255)  # fmt: skip
    sr = resize_to(sr, height, width)
    if alpha:
        sr = torch.cat([sr, resize_to(image[:, -1:].to(sr), height, width)], 1)
    if missing.any():
        sr[F.interpolate(missing.float(), size=(height, width), mode="nearest").bool().to(sr.device)] = torch.nan
    return _from_unit(sr, pixels.dtype, low, high), invented


def _through(enlarger: Enlarger, image: Tensor) -> Tensor:
    have, wanted = image.shape[1], enlarger.channels
    if wanted in (None, have):
        return enlarger(image)
    bands = image.transpose(0, 1)  # each channel an image
    made = [enlarger(band[None].expand(-1, wanted, -1, -1)).mean(1, keepdim=True) for band in bands]
    return torch.cat(made, 1)


def _to_unit(pixels: np.ndarray) -> tuple[Tensor, float, float]:
    """1 C H W in [0, 1], and what 0 and 1 stand for."""
    low, high = 0.0, 1.0
    if pixels.dtype in (np.uint8, np.uint16):
        high = float(np.iinfo(pixels.dtype).max)
    else:
        finite = pixels[np.isfinite(pixels)]
        if finite.size and (finite.min() < 0 or finite.max() > 1):
            low, high = float(finite.min()), float(finite.max())
            high = high if high > low else low + 1
    unit = (pixels.transpose(2, 0, 1).astype(np.float32) - np.float32(low)) / np.float32(high - low)
    return torch.from_numpy(unit)[None], low, high


def _from_unit(image: Tensor, dtype: np.dtype, low: float, high: float) -> np.ndarray:
    integers = np.issubdtype(dtype, np.integer)
    image = image[0].float().clamp(0, 1) * (high - low) + low  # a network that overshoots leaves the range of the file
    made = (image.round() if integers else image).permute(1, 2, 0).cpu().numpy()
    return made.astype(dtype if integers else np.float32)
