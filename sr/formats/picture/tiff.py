"""Reading TIFF by tifffile: any depth and number of bands. Palettes, CMYK and other coded colours are Pillow's."""

from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import tifffile
from PIL import Image

from ..base import Array, Unreadable


def page_of(path: Path, handle: BinaryIO) -> tifffile.TiffPage:
    """The page that holds the image; where Python wrote an array H W C as H pages, the first of them.

    Raises:
        Unreadable: several images, or float pixels stored inverted.
    """
    file = tifffile.TiffFile(handle)
    page, series = cast(tifffile.TiffPage, file.pages[0]), file.series[0]
    if series.axes != page.axes and not _is_array(series):
        raise Unreadable(f"{path}: shape {series.shape} of its pages is not that of one image")
    if _is_inverted(page) and page.sampleformat != 1:
        raise Unreadable(f"{path}: float pixels stored inverted (the smallest is white); invert them first")
    return page


def shape(page: tifffile.TiffPage) -> tuple[int, int, int]:
    """Height, width and channels, as they are stored."""
    series: Any = page.parent.series[0]
    if series.axes != page.axes:
        return series.shape
    return page.imagelength, page.imagewidth, page.samplesperpixel


def is_plain(page: tifffile.TiffPage) -> bool:
    """Whether stored values are gray levels, RGB or bands; coded colours are left to Pillow, which decodes them."""
    known = page.photometric in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)
    return known or _is_inverted(page) or _is_ycbcr(page)


def has_alpha(page: tifffile.TiffPage) -> bool:
    """Whether the last of its bands is transparency, which the tag ExtraSamples says."""
    samples = [int(kind) for kind in (page.extrasamples or ())]
    return bool(samples) and samples[-1] in (1, 2)


def pixels_of(page: tifffile.TiffPage, as_stored: bool = False) -> Array:
    """H W or H W C, not yet turned upright; integers of other depths are scaled to all of 8 or 16 bits, but labels."""
    series = page.parent.series[0]
    if series.axes != page.axes:
        return series.asarray()
    pixels = page.asarray()
    if _is_ycbcr(page):
        pixels = np.asarray(Image.fromarray(pixels, "YCbCr").convert("RGB"))
    if _is_inverted(page):
        pixels = pixels.dtype.type((1 << page.bitspersample) - 1) - pixels
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and pixels.ndim == 3:
        pixels = np.moveaxis(pixels, 0, -1)
    if as_stored:
        pixels = pixels.astype(np.uint8) if pixels.dtype == bool else pixels
    elif page.bitspersample not in (8, 16, 32, 64) and page.sampleformat == 1:
        dtype = np.uint8 if page.bitspersample < 8 else np.uint16
        full = np.iinfo(dtype).max / ((1 << page.bitspersample) - 1)
        pixels = (pixels * full).round().astype(dtype)
    if page.extrasamples and page.extrasamples[-1] == tifffile.EXTRASAMPLE.ASSOCALPHA:
        pixels = _unmultiplied(pixels)
    return pixels


def _is_array(series: Any) -> bool:
    """Whether Python wrote one array H W C as H pages of W x C."""
    return series.kind == "shaped" and series.ndim == 3 and series.shape[2] < min(series.shape[:2])


def _is_inverted(page: tifffile.TiffPage) -> bool:
    """Whether white is stored as 0 in more than 8 bits, where Pillow ignores that."""
    return page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and page.bitspersample > 8


def _is_ycbcr(page: tifffile.TiffPage) -> bool:
    """Whether it is uncompressed YCbCr, which Pillow 12 cannot read."""
    return page.photometric == tifffile.PHOTOMETRIC.YCBCR and page.compression == 1


def _unmultiplied(pixels: Array) -> Array:
    """Undo colours that were multiplied by transparency, the last channel (associated alpha)."""
    full = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    alpha = pixels[..., -1:].astype(np.float64)
    colours = pixels[..., :-1] * np.divide(full, alpha, out=np.zeros_like(alpha), where=alpha > 0)
    colours = colours.round().clip(0, full) if pixels.dtype.kind == "u" else colours
    return np.concatenate([colours.astype(pixels.dtype), pixels[..., -1:]], -1)
