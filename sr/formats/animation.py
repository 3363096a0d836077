"""Moving pictures of the web: GIF, WebP and APNG, frame by frame."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

from sr.atomic import replacing
from sr.errors import reason

from .image import UnreadableImage, refuse_bombs

SUFFIXES = {".gif"}  # besides those that are images too
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Animation:
    """What there is to show.

    Args:
        frames: N H W 4 uint8, each complete.
        durations_ms: of each.
        loop: how often it is shown; 0 for ever, None where the file does not say.
    """

    frames: Array
    durations_ms: list[float]
    loop: int | None


def is_animation(path: Path) -> bool:
    """A GIF, which has a palette of its own to come back to, or any image of several frames in time."""
    if path.suffix.lower() in SUFFIXES:
        return True
    if path.suffix.lower() not in (".png", ".webp", ".avif"):
        return False
    try:
        with Image.open(path) as image:
            return getattr(image, "n_frames", 1) > 1
    except Exception:  # whatever a damaged header makes of it: the reader of images tells
        return False


def read(path: str | Path) -> Animation:
    """All frames, as they are seen.

    Raises:
        UnreadableImage: damaged, or too large.
    """
    frames, durations = [], []
    try:
        with Image.open(path) as image:
            refuse_bombs(Path(path), image.width * image.height * getattr(image, "n_frames", 1))
            loop = image.info.get("loop")
            for frame in ImageSequence.Iterator(image):
                frames.append(np.asarray(frame.convert("RGBA")))
                durations.append(float(frame.info.get("duration", 100)))
    except UnreadableImage:
        raise
    except Exception as error:  # decoders raise whatever a damaged header makes of them
        raise UnreadableImage(f"{path}: cannot be decoded ({reason(error)})") from error
    return Animation(np.stack(frames), durations, loop)


def write(path: str | Path, animation: Animation, frames: Array) -> None:
    """The same of other frames: whole or not at all. A GIF is opaque or clear, without shades of it."""
    path = Path(path)
    pictures = [Image.fromarray(frame) for frame in frames]
    if path.suffix.lower() == ".gif":
        pictures = [_clear_or_opaque(picture) for picture in pictures]
    elif (frames[..., 3] == 255).all():
        pictures = [picture.convert("RGB") for picture in pictures]
    suffix = path.suffix.lower()
    more: dict[str, Any] = {} if animation.loop is None else {"loop": animation.loop}
    if animation.loop is None and suffix != ".gif":  # a GIF that does not say is shown once; others say so
        more["loop"] = 1
    settings: dict[str, dict[str, Any]] = {
        ".webp": {"lossless": True, "exact": True},
        ".gif": {"disposal": 2, "optimize": False},
        ".png": {"disposal": 0, "blend": 0},
        ".avif": {"quality": 90},
    }
    more |= settings.get(suffix, {})
    whole = all(duration == int(duration) for duration in animation.durations_ms)
    durations = [int(d) for d in animation.durations_ms] if whole else animation.durations_ms
    with replacing(path) as temporary:
        pictures[0].save(temporary, save_all=True, append_images=pictures[1:], duration=durations, **more)


def _clear_or_opaque(picture: Image.Image) -> Image.Image:
    alpha = picture.getchannel("A").point(lambda value: 255 if value >= 128 else 0)
    picture.putalpha(alpha)
    return picture
