"""A still picture as a File: its header when it is opened, its pixels when they are asked for."""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

from sr.errors import UserError
from sr.image.range import Range

from .. import beside
from ..base import Array, File, Unreadable
from ..checksums import check_png, check_tiff
from . import boxes, gain_map, heif, pillow, png, tiff
from .limits import refuse_bombs
from .meta import IPTC, IPTC_RESOURCE, MOTION, RENEWED, UNKEPT, Meta, meta_of, meta_of_tags
from .orientation import ORIENTATION, UPRIGHT
from .suffixes import INDEXED, LOSSLESS, OF_8_BITS, SUFFIXES, TIFF, advice
from .writing import lost, refuse, write


class Picture(File):
    """A still picture: H W C, turned upright; palettes and CMYK are resolved to RGB.

    With three channels or more it counts as colour, except a TIFF whose photometric interpretation says otherwise.
    """

    kind = "picture"
    suffixes = frozenset(SUFFIXES)

    @classmethod
    def claims(cls, path: Path, handle: BinaryIO) -> bool:
        return True  # the last kind to be asked: what is not a picture either is refused when it is decoded

    def __init__(self, path: Path, handle: BinaryIO) -> None:
        super().__init__(path, handle)
        self.advice = advice(path)
        self.is_tiff = path.suffix.lower() in TIFF
        with self.decoding():
            self.page = tiff.page_of(path, handle) if self.is_tiff else None
            self.opened = None if self.page is not None and tiff.is_plain(self.page) else pillow.opened(handle)
            if self.page is not None:
                height, width, channels = tiff.shape(self.page)
            else:
                assert self.opened is not None
                height, width, channels = self.opened.height, self.opened.width, len(self.opened.getbands())
            refuse_bombs(path, height * width)
            if self.orientation >= 5:
                height, width = width, height
        self.shape = (1, height, width, channels)

    @cached_property
    def pixels(self) -> Array:
        """H W C, integers or float32 or float64."""
        with self.decoding():
            pixels = UPRIGHT[self.orientation](self._decoded())
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels
        if pixels.ndim != 3 or 0 in pixels.shape:
            raise Unreadable(f"{self.path}: shape {pixels.shape} is not that of one image")
        if pixels.dtype.kind not in "ui" and pixels.dtype not in (np.float32, np.float64):
            raise Unreadable(f"{self.path}: pixels are {pixels.dtype}, integers or float32 or float64 are needed")
        self.shape = (1, *cast("tuple[int, int, int]", pixels.shape))  # a palette has become colours
        return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)

    def _decoded(self) -> Array:
        """Pixels, read by the decoder that keeps all bits."""
        if self.page is not None and tiff.is_plain(self.page):
            return tiff.pixels_of(self.page, as_stored=self.as_labels)
        assert self.opened is not None
        if self.page is not None:
            check_tiff(self.path, self.page.parent)
        if self.opened.format == "PNG":
            check_png(self.path, self.handle)
        if self.opened.format in ("AVIF", "HEIF") and 8 < self.bits < 16:
            return heif.decoded(self.handle, self.opened.format, self.bits)
        if self.is_indexed:
            return np.asarray(self.opened).astype(np.uint8)
        if self.opened.format != "PNG":
            return pillow.pixels_of(self.opened)
        by_itself = png.depth(self.handle) == 16 or png.has_key(self.opened)
        pixels = png.decoded(self.handle) if by_itself else pillow.pixels_of(self.opened)
        return png.unspread(pixels, self.handle) if self.as_labels and self.opened.mode in ("1", "L") else pixels

    @property
    def is_indexed(self) -> bool:
        """Whether pixels are read as indices into a palette, or as single bits: as they are stored."""
        if not self.as_labels or self.opened is None:
            return False
        return self.opened.mode == "P" or (self.opened.mode == "1" and not png.has_key(self.opened))

    @cached_property
    def bits(self) -> int:
        """Bits a channel: 8 or more."""
        if self.opened is not None and self.opened.format == "HEIF":
            return int(self.opened.info.get("bit_depth", 8))
        if self.opened is not None and self.opened.format == "AVIF":
            return heif.depth(self.handle)
        return 8 * self.dtype.itemsize

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        return self.pixels.dtype

    @cached_property
    def alpha(self) -> bool:  # type: ignore[override]
        if self.page is not None and tiff.is_plain(self.page):
            return tiff.has_alpha(self.page)
        return self.pixels.shape[2] in (2, 4)

    @cached_property
    def colours(self) -> tuple[int, int, int] | None:  # type: ignore[override]
        coded = self.page is None or self.page.photometric != tifffile.PHOTOMETRIC.MINISBLACK
        return (0, 1, 2) if coded and self.pixels.shape[2] >= 3 else None

    @cached_property
    def orientation(self) -> int:
        """Value of the orientation tag, 1..8; 1 is upright, and taken where the tag is missing or wrong."""
        if self.page is not None:
            tag = self.page.tags.get("Orientation")
            found = tag.value if tag is not None else 1
        elif self.opened is not None and self.opened.format == "PNG":
            found = png.orientation(self.handle)
        else:
            found = self.opened.getexif().get(ORIENTATION, 1) if self.opened is not None else 1
        return found if found in UPRIGHT else 1

    @cached_property
    def meta(self) -> Meta:
        """Metadata; damaged parts of it are left out, and the picture is read all the same."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about damaged EXIF
                image = self.opened or self._by_pillow()
                meta = meta_of_tags(self.handle, self.page) if image is None else meta_of(image)
                return self._with_more(replace(meta, alpha=self.alpha, bits=self.bits), image)
        except Exception:  # Pillow raises many kinds on damaged metadata
            return Meta(self.alpha, self.bits, lost=("what it says of itself, which is damaged",))

    def _by_pillow(self) -> Image.Image | None:
        """A TIFF for what Pillow tells of it; None where it has more bits or bands than Pillow opens."""
        try:
            return pillow.opened(self.handle)
        except UnidentifiedImageError:
            return None

    def _with_more(self, meta: Meta, image: Image.Image | None) -> Meta:
        """What Pillow does not tell: colours and text of its format, and what is lost."""
        colours, chunks, lost = None, list[tuple[bytes, bytes]](), list[str]()
        kind = image.format if image is not None else "TIFF"
        if kind == "PNG":
            colours, chunks, lost = png.said(self.handle)
            lost = [f"chunk {name}" for name in lost]
        elif kind in ("AVIF", "HEIF"):
            colours = heif.colours_of(self.handle)
            lost += [f"{what} beside the picture" for what in boxes.beside(self.handle)]
        if motion := MOTION.search(meta.xmp or b""):
            lost.append("the clip of a motion photo")
            meta = replace(meta, xmp=MOTION.sub(rb"\g<1>0", motion.string))
        found = None
        if gain_map.is_announced(image, meta.xmp):
            found = gain_map.gain_map_of(image, self.handle, self.orientation) if kind in ("MPO", "JPEG") else None
            more = len(gain_map.places(image)) - 1 if found else 0
            lost += [gain_map.LOST] * (found is None) + [f"{more} more picture(s) in it"] * bool(more)
        elif kind in ("MPO", "HEIF") and (more := getattr(image, "n_frames", 1) - 1):
            lost.append(f"{more} more picture(s) in it")
        iptc = self.page.tags[IPTC].value if self.page is not None and IPTC in self.page.tags else None
        if image is not None and kind in ("MPO", "JPEG"):
            resources = image.info.get("photoshop", {})
            iptc = resources.get(IPTC_RESOURCE)
            lost += ["Photoshop's resources"] * bool(resources.keys() - {IPTC_RESOURCE} - RENEWED)
            lost += ["content credentials (JUMBF)"] * ("APP11" in dict(_segments(image)))
        inverted = self.page is not None and self.page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
        if self.page is not None:
            lost += [name for code, name in UNKEPT.items() if code in self.page.tags]
        comment = image.info.get("comment") if image is not None and kind in ("JPEG", "MPO") else None
        xmp = meta.xmp if found else gain_map.without_gain_map(meta.xmp)
        return replace(meta, colours=colours, chunks=tuple(chunks), comment=comment, inverted=inverted, xmp=xmp,
                       gain_map=found, iptc=iptc if isinstance(iptc, bytes) else None, lost=tuple(lost))  # fmt: skip

    def find_range(self) -> Range:
        """What the type can hold, for 8 bits, and for 16 bits except a TIFF without colours; others are measured.

        A gray TIFF of 16 bits is more often a measurement, which uses a small part of them, than a photograph.
        """
        pictures = (np.uint8, np.uint16) if not self.is_tiff or self.colours else (np.uint8,)
        return Range.of_type(self.dtype) if self.dtype in pictures else self.measured(together=bool(self.colours))

    def frames(self) -> Iterator[Array]:
        yield self.pixels

    def some(self) -> Iterator[Array]:
        if self.opened is None or self.opened.mode != "P":
            yield from super().some()
        else:  # not the colours
            with self.decoding():
                yield np.asarray(self.opened)[..., None]

    def refuse(self, target: Path) -> None:
        if self.as_labels and target.suffix.lower() not in (INDEXED if self.is_indexed else LOSSLESS):
            raise UserError(f"{self.path}: {target.suffix} does not keep labels as they are; name a .png")
        refuse(target, np.dtype(np.uint8) if self._is_narrowed(target) else self.dtype, self.shape[3])

    def _is_narrowed(self, target: Path) -> bool:
        """Whether 10 or 12 bits become 8: a photograph of a telephone as a JPEG."""
        return self.bits in (10, 12) and target.suffix.lower() in OF_8_BITS

    def save(self, target: Path, made: list[Array], how: str, plain: bool) -> None:
        height, width = made[0].shape[:2]
        meta = self.meta.enlarged(width, height, width / self.shape[2])
        meta = replace(meta, palette=self.opened) if self.is_indexed and not plain else meta
        narrowed = made[0].dtype == np.uint16 and self._is_narrowed(target)
        write(target, (made[0] / 257).round().astype(np.uint8) if narrowed else made[0], meta)
        self.notes += [f"not kept: {what}" for what in lost(target.suffix, meta)]
        down, across, turned = height / self.shape[1], width / self.shape[2], self.orientation != 1
        self.notes += beside.carry(self.path, target, down, across, turned)


def _segments(image: Any) -> list[tuple[str, bytes]]:
    """The application segments of a JPEG: names as Pillow gives them, and contents."""
    return getattr(image, "applist", [])
