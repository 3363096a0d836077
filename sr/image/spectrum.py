"""The angle between the spectra of two pixels: equal material in another light has none."""

import torch
from torch import Tensor

from sr.errors import UserError


def spectral_angle(a: Tensor, b: Tensor, darkest: float) -> tuple[Tensor, Tensor]:
    """Spectral angle (Kruse et al. 1993), arccos(a . b / (|a| |b|)), of every pixel.

    Not by the arc cosine, which is blind to small angles, as its slope is infinite at 1, but by
    2 atan(|u - v| / |u + v|) of the unit vectors u and v.

    Args:
        a, b: N C H W with C > 1, any common unit.
        darkest: spectra are divided by their length or, where that is less, by this: it limits the slope.

    Returns:
        The angles in radians and the length of the shorter of the two spectra, each N H W.

    Raises:
        UserError: one band.
    """
    if a.shape[1] < 2:
        raise UserError(f"the spectral angle needs at least 2 bands, got {a.shape[1]}")
    lengths = a.norm(dim=1), b.norm(dim=1)
    u, v = (x / length.clamp(min=darkest)[:, None] for x, length in zip((a, b), lengths, strict=True))
    return 2 * torch.atan2((u - v).norm(dim=1), (u + v).norm(dim=1)), torch.minimum(*lengths)
