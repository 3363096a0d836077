"""RGB to the luma of ITU-R BT.601: the channel on which super-resolution papers report."""

import torch
from torch import Tensor

from sr.errors import UserError

# Weights of R, G and B in the luma of BT.601: in full swing, of values in [0, 1] as of values in [0, 255], and in
# studio swing, 219 times these, as MATLAB writes them.
FULL_SWING = (0.299, 0.587, 0.114)
STUDIO_SWING = (65.481, 128.553, 24.966)


def luma(image: Tensor) -> Tensor:
    """Y of BT.601 in studio swing, unrounded: Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255 (MATLAB's rgb2ycbcr).

    A gray image is its own luma and keeps its full swing: that is how the classic tables score a gray file, while a
    gray file first expanded to RGB is scored in studio swing (and 1.3 dB higher).

    Args:
        image: N C H W with C = 1 or 3, in [0, 255].

    Returns:
        N 1 H W, in [16, 235] from RGB, in [0, 255] from gray.

    Raises:
        UserError: any other number of channels.
    """
    channels = image.shape[1]
    if channels == 1:
        return image
    if channels != 3:
        raise UserError(
            f"luma needs 1 or 3 channels, got {channels}; score the bands themselves (metrics=bands; "
            "sr.evaluate: metrics=multiband)"
        )
    weights = torch.tensor(STUDIO_SWING, dtype=image.dtype, device=image.device) / 255
    return 16 + torch.einsum("nchw,c->nhw", image, weights)[:, None]
