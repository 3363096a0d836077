"""PNG, JPEG, WebP, BMP and TIFF; 8 and 16 bit; gray, RGB, RGBA and N bands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageOps

from sr.atomic import replacing
from sr.errors import UserError, reason

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}
Array = np.ndarray[Any, np.dtype[Any]]


class UnreadableImage(UserError):
    """A file that is not an image we can read: damaged, or of a kind that we do not know."""


def read(path: str | Path) -> Array:
    """Pixels of an image, H W C, uint8 or uint16; palettes are resolved and EXIF orientation is applied.

    Raises:
        UnreadableImage: with the reason, in one sentence that names the file.
    """
    path = Path(path)
    try:
        pixels = _read(path)
    except UnreadableImage:
        raise
    except FileNotFoundError as error:
        raise UnreadableImage(f"{path}: no such file") from error
    except Exception as error:  # decoders raise whatever a damaged header makes of them
        raise UnreadableImage(f"{path}: cannot be decoded ({reason(error)})") from error
    if pixels.dtype not in (np.uint8, np.uint16):
        raise UnreadableImage(f"{path}: pixels are {pixels.dtype}, uint8 or uint16 is needed")
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise UnreadableImage(f"{path}: shape {pixels.shape} is not that of one image")
    return pixels


def write(path: str | Path, pixels: Array) -> None:
    """Write H W C uint8 (C = 1, 3 or 4) by the suffix of `path`: whole or not at all.

    Raises:
        UserError: a suffix that we do not write, or alpha in a format without it.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path}: cannot write '{path.suffix}' files; use one of {sorted(SUFFIXES)}")
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if image.mode == "RGBA" and path.suffix.lower() in (".jpg", ".jpeg", ".bmp"):
        raise UserError(f"{path}: {path.suffix} holds no transparency; write a .png or .webp")
    options = {".jpg": {"quality": 95, "subsampling": 0}, ".jpeg": {"quality": 95, "subsampling": 0},
               ".webp": {"lossless": True}}.get(path.suffix.lower(), {})  # fmt: skip
    with replacing(path) as temporary:
        image.save(temporary, **options)  # type: ignore[arg-type]


def _read(path: Path) -> Array:
    suffix = path.suffix.lower()
    if suffix in (".tif", ".tiff"):
        pixels = _read_tiff(path)
        if pixels is not None:
            return pixels
    if suffix == ".png" and _png_depth(path) == 16:  # Pillow would cut 16-bit RGB to 8 bits without a word
        return np.asarray(imagecodecs.png_decode(path.read_bytes()))
    with Image.open(path) as image:
        image = ImageOps.exif_transpose(image)
        if image.mode in ("I;16", "I;16B", "I;16L"):
            return np.asarray(image).astype(np.uint16)
        if image.mode in ("P", "PA", "LA", "La", "RGBa", "CMYK", "YCbCr", "LAB", "HSV", "1"):
            transparent = image.mode in ("PA", "LA", "La", "RGBa") or "transparency" in image.info
            image = image.convert("L" if image.mode == "1" else "RGBA" if transparent else "RGB")
        return np.asarray(image)


def _read_tiff(path: Path) -> Array | None:
    """Bands as stored, turned upright; None where colours are coded (palette, CMYK ...) and Pillow knows how."""
    with tifffile.TiffFile(path) as file:
        page, series = cast(tifffile.TiffPage, file.pages[0]), file.series[0]
        if series.axes != page.axes:
            # An array H W C that Python wrote lies there as H pages of W x C; what is no such array is many images.
            if series.kind == "shaped" and series.ndim == 3 and series.shape[2] < min(series.shape[:2]):
                return series.asarray()
            raise UnreadableImage(f"{path}: shape {series.shape} of its pages is not that of one image")
        if page.photometric not in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB):
            return None
        pixels = page.asarray()
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and pixels.ndim == 3:
            pixels = np.moveaxis(pixels, 0, -1)
        tag = page.tags.get("Orientation")
    return UPRIGHT[int(tag.value) if tag is not None else 1](pixels)


# By the orientation tag of TIFF 6.0, page 36.
UPRIGHT: dict[int, Callable[[Array], Array]] = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
    8: lambda x: np.rot90(x),
}


def _png_depth(path: Path) -> int:
    with open(path, "rb") as file:
        header = file.read(25)
    return header[24] if len(header) == 25 else 0
