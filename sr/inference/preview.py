"""A picture before and after: two files that a browser shows, and the one that is downloaded."""

import tempfile
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from PIL import Image

from sr import formats
from sr.errors import UserError
from sr.image.range import Range
from sr.image.resize import resize_to
from sr.image.view import visible

from . import files, models
from .auto import Auto
from .enlarger import Enlarger
from .memory import give_back
from .pixels import BACK_PROJECTIONS, Options

SHOWN_PX = 2048  # longest side of what is shown; what is downloaded is whole
OWN_SCALE = "that of the model"


class Preview:
    """Enlarges pictures one after the other, and shows each before and after.

    Args:
        device: where to compute.
        max_megapixels: of the result.
        folder: for results.
    """

    def __init__(self, device: torch.device, max_megapixels: float, folder: Path) -> None:
        self.device, self.max_megapixels, self.folder = device, max_megapixels, folder
        self.loaded: dict[str, Enlarger] = {}
        self.lock = Lock()

    def __call__(
        self, file: str | None, model: str, scale: str, tta: bool, back_project: bool, labels: bool = False
    ) -> tuple[Any, str, str]:
        """Enlarge a file, as `labels` where that is true.

        Returns:
            The files of before and after, equally large; a line about both; the file to download.

        Raises:
            UserError: no picture, or one that is too large or not to be read.
        """
        if not file:
            raise UserError("no picture yet: drop one onto the field on the left, or click there")
        source = Path(file)
        if formats.kind_of(source) != "picture":
            raise UserError(f"{source.name}: the page takes pictures; for other files use python -m sr.upscale")
        options = Options(
            _scale(scale), symmetries=tta, back_projections=BACK_PROJECTIONS if back_project else 0,
            labels="nearest" if labels else "auto",
        )  # fmt: skip
        give_back()
        with formats.open(source) as picture:
            if picture.moves or picture.layout != "frames" or picture.shape[0] > 1:
                raise UserError(f"{source.name}: the page takes single pictures, no animation or scene; use "
                                "python -m sr.upscale")  # fmt: skip
            return self._enlarge(picture, self._loaded(model, options.scale), options)

    def _loaded(self, model: str, scale: float | None) -> Enlarger | Auto:
        if model == models.AUTO:
            return Auto(scale or models.DEFAULT_SCALE, self.device, progress=True)
        with self.lock:
            if model not in self.loaded:
                self.loaded[model] = models.load(model, None, self.device)
                self.loaded[model].progress, self.loaded[model].precision = True, "auto"
            return self.loaded[model]

    def _enlarge(self, file: formats.File, enlarger: Enlarger | Auto, options: Options) -> tuple[Any, str, str]:
        name = file.path.name
        _, lr_height, lr_width, bands = file.shape
        height, width = options.size(lr_height, lr_width, enlarger.scale)
        own = lr_height * lr_width * enlarger.scale**2 * max(bands / 3, 1)  # of the network, before any resize
        if max(height * width, own) > self.max_megapixels * 1e6:
            most = f"{max(height * width, own) / 1e6:.0f} megapixels"
            raise UserError(f"{name}: {width}x{height} pixels would come out, {most} at the widest; "
                            f"this page makes at most {self.max_megapixels:g}")  # fmt: skip
        asked = options.labels
        enlarger, options, notes = files.choose_labels(file, enlarger, options)
        enlarger, why = files.chosen(enlarger, file)
        file.refuse(file.path)  # where its kind cannot hold labels
        notes += files.choose_range(file, enlarger, options) + files.may_be_labels(file, asked)
        ((pixels, made, _),) = files.enlarged_frames(file, enlarger, options)
        place = Path(tempfile.mkdtemp(dir=self.folder))
        target = place / f"{file.path.stem}_{options.by(enlarger.scale)}{file.path.suffix}"
        with file.writer(target, (height, width)) as write:
            write(made)
        shown = place / "before.png", place / "after.png"
        for path, one in zip(shown, (pixels, made), strict=True):
            _show(one, height, width, _all_of(pixels) if file.as_labels else file.range).save(path)
        told = f"{lr_width}x{lr_height} to {width}x{height} pixels by {enlarger.name}"
        return (
            tuple(map(str, shown)),
            "; ".join([told, *why, *notes, *files.told(file, enlarger, options)]),
            str(target),
        )


def _show(pixels: np.ndarray, height: int, width: int, values: Range) -> Image.Image:
    """Pixels as 8 bits of gray or RGB, black to white over the range, at most `SHOWN_PX` on a side."""
    share = min(1, SHOWN_PX / max(height, width))
    size = max(round(height * share), 1), max(round(width * share), 1)
    image = torch.from_numpy(np.nan_to_num(values.to_unit(pixels))).permute(2, 0, 1)
    image = (resize_to(image, *size).clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
    return Image.fromarray(visible(image, dim=2).squeeze(2).numpy())


def _all_of(pixels: np.ndarray) -> Range:
    """From the least to the most: labels are small numbers, and would all be black."""
    known = pixels[np.isfinite(pixels)]
    least, most = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return Range((least,), (max(most, least + 1),))


def _scale(text: str) -> float | None:
    if text == OWN_SCALE:
        return None
    try:
        found = float(str(text).removeprefix("x"))
    except ValueError:
        found = 0.0
    if not 0 < found <= 16:
        raise UserError(f"enlarge by {text!r}: a number up to 16 is needed")
    return found
