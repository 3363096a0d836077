"""Animations: GIF, WebP, APNG and AVIF, frame by frame."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageSequence

from sr.atomic import replacing
from sr.errors import UserError

from . import beside
from .base import Array, File, is_named
from .checksums import check_png
from .picture import Picture, heif, png, refuse_bombs
from .picture.profile import profile_of

NAMES = {"icc_profile": "ICC profile", "exif": "EXIF", "xmp": "XMP", "comment": "comment"}
# What Pillow writes of that, by the format
KEPT = {".webp": ("icc_profile", "exif", "xmp"), ".avif": ("icc_profile", "exif", "xmp"),
        ".png": ("icc_profile", "exif"), ".gif": ("comment",)}  # fmt: skip


class Animation(File):
    """A GIF, or a WebP, APNG or AVIF of several frames: H W 4 uint8, each frame complete, as it is shown."""

    kind = "picture"
    suffixes = frozenset({".gif"})
    moves = True
    dtype = np.dtype(np.uint8)
    alpha = True
    colours = (0, 1, 2)

    @classmethod
    def claims(cls, path: Path, handle: BinaryIO) -> bool:
        if path.suffix.lower() not in cls.suffixes | {".png", ".webp", ".avif"}:
            return False
        try:
            return path.suffix.lower() in cls.suffixes or getattr(Image.open(handle), "n_frames", 1) > 1
        except Exception:  # a damaged header: Picture is asked next, and says what is wrong
            return False

    def __init__(self, path: Path, handle: BinaryIO) -> None:
        super().__init__(path, handle)
        with self.decoding():
            self.image = Image.open(handle)
            count = getattr(self.image, "n_frames", 1)
            refuse_bombs(path, self.image.width * self.image.height * count)
            found = {key: self.image.info.get(key) for key in NAMES}
            self.said = {key: value for key, value in found.items() if value}
            self.loop: int | None = self.image.info.get("loop")  # 0 for ever, None where the file does not say
        self.shape = (count, self.image.height, self.image.width, 4)
        self.durations_ms: list[float] = []

    def frames(self) -> Iterator[Array]:
        self.durations_ms = []
        if self.image.format == "PNG":
            check_png(self.path, self.handle)
        with self.decoding():
            for frame in ImageSequence.Iterator(self.image):
                pixels = np.asarray(frame.convert("RGBA"))  # WebP tells the time of a frame once it is decoded
                self.durations_ms.append(float(frame.info.get("duration", 100)))
                yield pixels

    def use_labels(self) -> None:
        super().use_labels()
        self.notes.append("its colours are kept, not their numbers in the palette")

    def refuse(self, target: Path) -> None:
        if self.as_labels and target.suffix.lower() == ".avif":
            raise UserError(f"{self.path}: .avif does not keep labels as they are; name a .gif, .webp or .png")
        if not is_named(target, Picture.suffixes):
            super().refuse(target)
        elif not is_named(target, frozenset({".webp", ".png", ".avif"})):
            raise UserError(f"{self.path}: an animation, which {target.suffix} cannot hold; name a .gif, .webp or .png")

    def save(self, target: Path, made: list[Array], how: str, plain: bool) -> None:
        kept = KEPT.get(target.suffix.lower(), ())
        said, (colours, lost) = {k: v for k, v in self.said.items() if k in kept}, self._more()
        if colours and "icc_profile" in kept and (icc := profile_of(colours, gray=False)):
            said.setdefault("icc_profile", icc)
        elif colours:
            lost.append(f"primaries {colours[0]} and transfer function {colours[1]} of H.273")
        write(target, made, self.durations_ms, self.loop, said)
        self.notes.append(f"{len(made)} frames")
        self.notes += [f"not kept: {what}" for what in lost]
        self.notes += [f"not kept: {NAMES[key]}" for key in self.said if key not in kept]
        height, width = made[0].shape[:2]
        self.notes += beside.carry(self.path, target, height / self.shape[1], width / self.shape[2])

    def _more(self) -> tuple[tuple[int, int] | None, list[str]]:
        """What it says that Pillow does not tell: primaries and transfer function; and what cannot be kept."""
        if self.image.format == "PNG":
            colours, chunks, lost = png.said(self.handle)
            names = dict.fromkeys([*(kind.decode("latin-1") for kind, _ in chunks), *lost])
            return colours, [f"chunk {name}" for name in names]
        if self.image.format == "AVIF":
            bits = heif.depth(self.handle)
            return heif.colours_of(self.handle), [f"{bits} bits (8 are read and written)"] * (bits > 8)
        return None, []


def write(
    path: Path, frames: Sequence[Array], durations_ms: list[float], loop: int | None, said: dict[str, Any] | None = None
) -> None:
    """Write frames H W 4: whole or not at all. In a GIF each pixel is opaque or transparent, with nothing between."""
    suffix = path.suffix.lower()
    pictures = [Image.fromarray(frame) for frame in frames]
    if suffix == ".gif":
        pictures = [_clear_or_opaque(picture) for picture in pictures]
    elif all((frame[..., 3] == 255).all() for frame in frames):
        pictures = [picture.convert("RGB") for picture in pictures]
    more: dict[str, Any] = {} if loop is None else {"loop": loop}
    if loop is None and suffix != ".gif":  # a GIF that does not say is shown once; others say so
        more["loop"] = 1
    settings: dict[str, dict[str, Any]] = {
        ".webp": {"lossless": True, "exact": True},
        ".gif": {"disposal": 2, "optimize": False},
        ".png": {"disposal": 0, "blend": 0},
        ".avif": {"quality": 90},
    }
    more |= settings.get(suffix, {}) | (said or {})
    whole = all(duration == int(duration) for duration in durations_ms)
    durations = [int(d) for d in durations_ms] if whole else durations_ms
    with replacing(path) as temporary:
        pictures[0].save(temporary, save_all=True, append_images=pictures[1:], duration=durations, **more)


def _clear_or_opaque(picture: Image.Image) -> Image.Image:
    """Each pixel opaque, or transparent black: one entry of the palette for all that is not seen."""
    alpha = picture.getchannel("A").point(lambda value: 255 if value >= 128 else 0)
    clear = Image.new("RGBA", picture.size)
    clear.paste(picture, mask=alpha)
    clear.putalpha(alpha)
    return clear
