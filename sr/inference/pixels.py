"""From the numbers of a file to those of a network and back: any depth, any channels."""

import numpy as np
import torch
from torch import Tensor

from sr.resize import imresize

from .models import Enlarger


@torch.inference_mode()
def enlarge(enlarger: Enlarger, pixels: np.ndarray, alpha: bool = False) -> np.ndarray:
    """Enlarge an image of any depth and any number of channels.

    Colours go through a colour network together. Where the network was made for another number of channels, each
    channel goes through it on its own. Transparency is enlarged bicubically. Pixels that are no numbers stay so.

    Args:
        enlarger: to use.
        pixels: H W C uint8, uint16 or float.
        alpha: whether the last channel is transparency.

    Returns:
        sH sW C of the same type (float32 for any float).
    """
    image, low, high = _to_unit(pixels)
    missing = ~image.isfinite()
    if missing.any():
        image = torch.where(missing, image[~missing].mean() if not missing.all() else 0.0, image)
    colours = image[:, :-1] if alpha else image
    sr = _through(enlarger, colours)
    if alpha:
        sr = torch.cat([sr, imresize(image[:, -1:], enlarger.scale).to(sr.device)], 1)
    if missing.any():
        s = enlarger.scale
        sr[missing.repeat_interleave(s, -1).repeat_interleave(s, -2).to(sr.device)] = torch.nan
    return _from_unit(sr, pixels.dtype, low, high)


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
