"""Reading by Pillow: everything but 16-bit PNG and TIFF whose bands are stored as they are."""

from io import BytesIO
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms

from ..base import Array


def opened(handle: BinaryIO) -> Image.Image:
    """The header alone; pixels are decoded when they are asked for."""
    handle.seek(0)
    return Image.open(handle)


def pixels_of(image: Image.Image) -> Array:
    """H W or H W C, not yet turned upright; palettes, CMYK, YCbCr and the like as RGB or RGBA."""
    if image.mode in ("I;16", "I;16B", "I;16L"):
        return np.asarray(image).astype(np.uint16)
    if image.mode == "CMYK" and image.info.get("icc_profile"):
        image = _from_profile(image)
    if image.mode in ("P", "PA", "La", "RGBa", "CMYK", "YCbCr", "LAB", "HSV", "1"):
        transparent = image.mode in ("PA", "RGBa") or "transparency" in image.info
        image = image.convert({"1": "L", "La": "LA"}.get(image.mode, "RGBA" if transparent else "RGB"))
    return np.asarray(image)


def of_pixels(pixels: Array) -> Image.Image:
    """Of H W C."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def indexed(pixels: Array, like: Image.Image) -> Image.Image:
    """Of H W, indices into the palette of another image, with its transparent entries; or single bits."""
    if like.mode == "1":
        return Image.fromarray(pixels.astype(bool))
    made = Image.fromarray(pixels)
    colours = like.getpalette("RGB") or []
    missing = 3 * (int(pixels.max()) + 1) - len(colours)  # some masks have indices beyond their palette
    made.putpalette(colours + [0] * missing)
    if "transparency" in like.info:
        made.info["transparency"] = like.info["transparency"]
    return made


def _from_profile(image: Image.Image) -> Image.Image:
    """CMYK to sRGB by its own profile; unchanged where the profile is damaged."""
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
        made = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image
    return made or image
