"""From the numbers of a file to those of a network and back: any depth, any channels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sr.errors import UserError
from sr.formats import Spacing
from sr.formats.nodata import filled, without_hidden_colours
from sr.image.range import Range, of_pixels

from . import labels, refine
from .enlarger import RGBA, Enlarger
from .memory import free_bytes
from .precision import full_float32
from .stretch import Stretch

Colours = tuple[int, int, int]
MAX_SCALE = 64
MAX_SIDE_PX = 1 << 16  # of a size to fit into
BACK_PROJECTIONS = 10  # steps where they are asked for: each leaves about a third of the disagreement
OF_BYTES = Range.of_type(np.dtype(np.uint8))


@dataclass(frozen=True)
class Options:
    """What is done around the network.

    Args:
        scale: of the result, where it is not the network's.
        fit_px: (width, height) to fit the result into instead, its shape kept.
        symmetries: mean over flips and quarter turns; eight times the work.
        back_projections: steps of locking colours and brightness to the input.
        uncertainty: make a map of what was invented too; asks for the symmetries.
        axis: of a volume, along which slices are taken: x, y, z, all, or auto.
        range: that the network is to see as 0..1, in the unit of the file, instead of the file's own.
        bands: the channels that are red, green and blue, where the file does not say so.
        spacing: millimetres between the pixels of a DICOM file, down and across, where it does not say them; or
            "pixels", where nothing is to be measured.
        labels: nearest, or majority (see `labels.enlarged`), of numbers that name something; no: they are amounts;
            auto: nearest where the file says so, told.
        nodata: the value of missing pixels of a scene that does not say so.

    Raises:
        UserError: an option out of its range.
    """

    scale: float | None = None
    fit_px: tuple[int, int] | None = None
    symmetries: bool = False
    back_projections: int = 0
    uncertainty: bool = False
    axis: str = "auto"
    range: Range | None = None
    bands: Colours | None = None
    spacing: Spacing | None = None
    labels: str = "auto"
    nodata: float | None = None

    def __post_init__(self) -> None:
        if self.scale is not None and not 0 < self.scale <= MAX_SCALE:
            raise UserError(f"scale={self.scale:g}: a number above 0, up to {MAX_SCALE}, is needed")
        if self.fit_px is not None and (self.scale or not all(0 < side <= MAX_SIDE_PX for side in self.fit_px)):
            raise UserError(f"size={self.fit_px}: width and height up to {MAX_SIDE_PX} are needed, and no scale beside")
        if self.spacing not in (None, "pixels") and not all(0 < float(mm) < 1000 for mm in self.spacing):
            raise UserError(f"spacing={self.spacing}: millimetres above 0, up to 1000, are needed, or 'pixels'")
        if self.labels not in labels.CHOICES:
            raise UserError(f"labels={self.labels}: one of {', '.join(labels.CHOICES)} is needed")
        if self.bands is not None and (min(self.bands) < 0 or len(set(self.bands)) < 3):
            raise UserError(f"bands={self.bands}: three different numbers from 0 on are needed")

    def by(self, scale: int) -> str:
        """x4 or 1920x1080, for names of files; with a network of this scale."""
        return "{}x{}".format(*self.fit_px) if self.fit_px else f"x{self.scale or scale:g}"

    def size(self, height: int, width: int, scale: int) -> tuple[int, int]:
        """Height and width of the result, for an input of these and a network of this scale."""
        factor = self.scale or scale
        if self.fit_px is not None:
            factor = min(self.fit_px[0] / width, self.fit_px[1] / height)
        return max(round(height * factor), 1), max(round(width * factor), 1)


def enlarge(
    enlarger: Enlarger,
    pixels: np.ndarray,
    alpha: bool = False,
    options: Options | None = None,
    values: Range | None = None,
    colours: Colours | None = (0, 1, 2),
) -> tuple[np.ndarray, np.ndarray | None]:
    """Enlarge an image of any depth and any number of channels.

    Colours go through a colour network together. Where the network was made for another number of channels, each
    channel goes through it on its own. Transparency is enlarged bicubically, but by a network of four channels with
    the colours; an opaque image is opaque to it. What lies outside of the range is enlarged bicubically, too: the
    network sees the rest undisturbed. NaN stays NaN, and infinity infinite. Colours under full transparency are
    replaced by visible ones nearby.

    Args:
        enlarger: to use.
        pixels: H W C, or several of one size N H W C; integers or float.
        alpha: whether the last channel is transparency.
        options: what else is done.
        values: that the network is to see as 0 and 1; by default those of the type, or measured.
        colours: the channels that are red, green and blue; None: no channels are colours, also where there are three.

    Returns:
        (N) sH sW C of the same type, and the map of what was invented, (N) sH sW 1 uint8, in which white is a tenth of
        the range or more.
    """
    options = options or Options()
    lr_height, lr_width = pixels.shape[-3:-1]
    height, width = options.size(lr_height, lr_width, enlarger.scale)
    rows, columns = Stretch.whole(height, lr_height), Stretch.whole(width, lr_width)
    return enlarge_part(enlarger, pixels, rows, columns, alpha, options, values or of_pixels(pixels), colours)


@full_float32()  # back-projection convolves too
@torch.inference_mode()
def enlarge_part(
    enlarger: Enlarger,
    pixels: np.ndarray,
    rows: Stretch,
    columns: Stretch,
    alpha: bool,
    options: Options,
    values: Range,
    colours: Colours | None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Enlarge a part of the image from a part of the input, as `enlarge` does the whole."""
    if options.labels in labels.KEPT:
        made = labels.enlarged(pixels, (rows, columns), options.labels, together=colours is not None)
        return made, np.zeros((*made.shape[:-1], 1), np.uint8) if options.uncertainty else None  # nothing is invented

    def part(image: Tensor, scale: int = 1) -> Tensor:
        return columns.of(rows.of(image, -2, scale), -1, scale)

    image = torch.from_numpy(np.moveaxis(values.to_unit(pixels), -1, -3))
    image = image.reshape(-1, *image.shape[-3:])
    missing = ~image.isfinite()
    if missing.any():
        image = filled(image, missing)
    if alpha:
        image = without_hidden_colours(image)
    apart = alpha and enlarger.channels != RGBA  # transparency is not for the network
    seen = (image[:, :-1] if apart else image).clamp(0, 1)

    def through(lr: Tensor) -> Tensor:
        return _through(enlarger, lr, options.bands or colours, alpha and not apart)

    if options.symmetries or options.uncertainty:
        sr, deviation = refine.ensemble(through, seen)
    else:
        sr, deviation = through(seen), None
    seen = seen.to(sr.device)
    if options.back_projections:
        sr = refine.back_project(sr, seen, options.back_projections)
    invented = None
    if options.uncertainty and deviation is not None:
        found = part(10 * refine.uncertainty(deviation, sr, seen), enlarger.scale).clamp(0, 1)
        invented = _shaped(OF_BYTES.from_unit(found, np.dtype(np.uint8)), pixels.ndim)
    sr = part(sr, enlarger.scale).clamp(0, 1)
    rest = image[:, : seen.shape[1]].to(sr.device) - seen
    if rest.any():
        sr = sr + part(rest)
    if apart:
        sr = torch.cat([sr, part(image[:, -1:].to(sr))], 1)
    made = _shaped(values.from_unit(sr, pixels.dtype), pixels.ndim)
    if missing.any():
        holes = np.moveaxis(missing.numpy(), 1, -1).reshape(pixels.shape)
        put_back(made, pixels, holes, (rows, columns))
    return made, invented


def put_back(made: np.ndarray, pixels: np.ndarray, holes: np.ndarray, along: Sequence[Stretch]) -> None:
    """Set what could not be computed with, such as NaN and infinity, to the nearest of the values that were given.

    Args:
        made: the result, ... C; it is changed.
        pixels: what it was made of, ... C.
        holes: of that shape; where it could not be.
        along: the axes before C.
    """
    for i, stretch in enumerate(along):
        at, axis = stretch.nearest().numpy(), i - len(along) - 1
        pixels, holes = pixels.take(at, axis), holes.take(at, axis)
    made[holes] = pixels[holes]


def _through(enlarger: Enlarger, image: Tensor, colours: Colours | None, alpha: bool) -> Tensor:
    """All channels of `image`, the last of which is transparency that the network takes, if `alpha`."""
    groups = together(image.shape[1] - alpha, enlarger.channels, colours)
    if groups is None:
        sr = enlarger(image)
    else:
        bands: list[Tensor | None] = [None] * image.shape[1]
        width = 3 if enlarger.channels == RGBA else enlarger.channels or 1
        for group in groups:
            given = image[:, list(group)].expand(-1, width, -1, -1)
            made = enlarger(torch.cat([given, image[:, -1:]], 1) if alpha else given)
            for i, channel in enumerate(group):
                bands[channel] = made[:, i : i + 1] if len(group) > 1 else made[:, :width].mean(1, keepdim=True)
            if alpha and bands[-1] is None:
                bands[-1] = made[:, width:]
        found = [band for band in bands if band is not None]
        sr = torch.cat([band.to(found[-1].device) for band in found], 1)
    # What follows takes several times the size of the result; on a CPU, that much memory was checked beforehand.
    crowded = sr.device.type == "cuda" and 16 * sr.nbytes > free_bytes(sr.device)
    return sr.cpu() if crowded else sr


def together(channels: int, wanted: int | None, colours: Colours | None) -> list[tuple[int, ...]] | None:
    """Which channels go through a network of `wanted` channels together; None for all, in their order.

    A network of four takes three colours and transparency, which is none of these channels, or four bands. Three bands
    need not be colours: a network for RGB would mix them as it mixes red, green and blue.
    """
    if wanted is None or (wanted == channels and (wanted != 3 or colours == (0, 1, 2))):
        return None
    group = tuple(colours) if wanted in (3, RGBA) and colours and max(colours) < channels else ()
    return [group, *((i,) for i in range(channels) if i not in group)] if group else [(i,) for i in range(channels)]


def _shaped(images: np.ndarray, ndim: int) -> np.ndarray:
    """N H W C, or without N, as the input was."""
    return images if ndim == 4 else images[0]
