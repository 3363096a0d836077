"""Pixels and metadata that the tests of pictures write."""

import numpy as np
from PIL import Image, ImageCms


def shifted(rgb: np.ndarray, channels: int) -> np.ndarray:
    return np.concatenate([np.roll(rgb[..., :1], 5 * i, 0) for i in range(channels)], 2)


ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><tiff:Orientation>6</tiff:Orientation><dc>photo</dc></x:xmpmeta>'


def tagged() -> Image.Exif:
    exif = Image.Exif()
    exif[271], exif[274], exif[33432] = "Maker", 6, "Somebody"
    inner = exif.get_ifd(0x8769)
    inner[0xA002], inner[0xA003], inner[33434] = 48, 64, 0.01  # width, height, exposure
    exif.get_ifd(0x8825)[1] = "N"
    return exif
