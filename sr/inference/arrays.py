"""Images in memory as the files that they might have been: arrays, PIL images and tensors, there and back."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from sr.errors import UserError
from sr.formats import File
from sr.formats.picture.pillow import indexed
from sr.image.range import Range

Array = np.ndarray[Any, np.dtype[Any]]
INDICES = ("P", "1")
MODES = ("L", "RGB", "RGBA", "I;16", "F")  # of PIL images whose pixels are what they seem


class InMemory(File):
    """One image, or several of one size.

    Args:
        pixels: N H W C, integers or float.
        alpha: the last channel is transparency.
    """

    kind = "array"

    def __init__(self, pixels: Array, alpha: bool) -> None:
        super().__init__(Path("the image"), BytesIO())
        if 0 in pixels.shape:
            raise UserError(f"the image: shape {pixels.shape} has no pixels")
        if pixels.dtype.kind not in "uif" or pixels.dtype.itemsize > 8:
            raise UserError(f"the image: {pixels.dtype} is no type of pixels; integers or floats are needed")
        self.pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
        n, height, width, channels = pixels.shape
        self.shape, self.dtype, self.alpha = (n, height, width, channels), self.pixels.dtype, alpha
        self.colours = (0, 1, 2) if channels - alpha == 3 else None

    def find_range(self) -> Range:
        """Of 8 and 16 unsigned bits what they can hold; others are measured, colours together."""
        whole = self.dtype in (np.uint8, np.uint16)
        return Range.of_type(self.dtype) if whole else self.measured(together=self.colours is not None)

    def frames(self) -> Iterator[Array]:
        yield from self.pixels


def in_memory(image: Any, alpha: bool | None, labels: bool = False) -> tuple[InMemory, Callable[[Array], Any]]:
    """An image as a file, and what makes an image of the same kind of its enlarged frames, N sH sW C.

    Args:
        image: an array H W or H W C; a PIL image; a tensor C H W or N C H W.
        alpha: the last channel is transparency; None: as PIL says, and of arrays and tensors where uint8 has 4.
        labels: of PIL images that are indices into a palette, or single bits, take these and not what they stand for.

    Raises:
        UserError: it is none of these.
    """
    pixels: Array
    back: Callable[[Array], Any]
    if isinstance(image, np.ndarray):
        pixels, back = _of_array(image)
    elif isinstance(image, Image.Image):
        pixels, back = _of_indices(image) if labels and image.mode in INDICES else _of_pil(image)
    elif isinstance(image, Tensor):
        pixels, back = _of_tensor(image)
    else:
        raise UserError(f"{type(image).__name__}: no image; a path, a NumPy array, a PIL image or a tensor is needed")
    if alpha is None:
        alpha = pixels.dtype == np.uint8 and pixels.shape[3] == 4
    return InMemory(pixels, alpha), back


def _of_array(image: Array) -> tuple[Array, Callable[[Array], Array]]:
    if image.ndim not in (2, 3):
        raise UserError(f"the image: an array of shape {image.shape}; H W or H W C is needed")

    def back(made: Array) -> Array:
        return made[0].reshape(*made.shape[1:3], *image.shape[2:]).astype(image.dtype, copy=False)

    return (image[..., None] if image.ndim == 2 else image)[None], back


def _of_pil(image: Image.Image) -> tuple[Array, Callable[[Array], Image.Image]]:
    """Turned upright, as EXIF says."""
    if image.mode not in MODES:
        raise UserError(f"the image: a PIL image of mode {image.mode}; convert it to one of {', '.join(MODES)} first")
    profile = image.info.get("icc_profile")
    pixels = np.asarray(ImageOps.exif_transpose(image))

    def back(made: Array) -> Image.Image:
        enlarged = Image.fromarray(made[0, ..., 0] if made.shape[3] == 1 else made[0])
        if profile:  # which is written with it when it is saved
            enlarged.info["icc_profile"] = profile
        return enlarged

    return (pixels[..., None] if pixels.ndim == 2 else pixels)[None], back


def _of_indices(image: Image.Image) -> tuple[Array, Callable[[Array], Image.Image]]:
    """As `_of_pil`."""
    pixels = np.asarray(ImageOps.exif_transpose(image)).astype(np.uint8)
    return pixels[None, ..., None], lambda made: indexed(made[0, ..., 0], image)


def _of_tensor(image: Tensor) -> tuple[Array, Callable[[Array], Tensor]]:
    if image.ndim not in (3, 4) or not (image.is_floating_point() or image.dtype == torch.uint8):
        raise UserError(f"the image: a tensor of shape {tuple(image.shape)} and {image.dtype}; C H W or N C H W is "
                        "needed, float in [0, 1] or uint8")  # fmt: skip
    one, still = image.ndim == 3, image.detach().cpu()
    still = still.float() if still.dtype == torch.bfloat16 else still  # NumPy has no bfloat16
    pixels = (still[None] if one else still).permute(0, 2, 3, 1).numpy()

    def back(made: Array) -> Tensor:
        enlarged = torch.from_numpy(made).permute(0, 3, 1, 2).contiguous().to(image.device, image.dtype)
        return enlarged[0] if one else enlarged

    return pixels, back
