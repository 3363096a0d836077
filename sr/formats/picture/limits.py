"""Decompression bombs: small files that would unpack to more pixels than memory holds."""

from pathlib import Path

from PIL import Image

from ..base import Unreadable

LARGEST_PX = 1 << 29
Image.MAX_IMAGE_PIXELS = LARGEST_PX


def refuse_bombs(path: Path, pixels: int) -> None:
    """Raise Unreadable for a file that announces more than `LARGEST_PX` pixels, before any of them is unpacked."""
    if pixels > LARGEST_PX:
        raise Unreadable(f"{path}: {pixels / 1e6:.0f} megapixels; more than {LARGEST_PX / 1e6:.0f} are refused")
