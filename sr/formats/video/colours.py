"""Colours of a clip: what its tags say, frames to RGB and back.

The tags are numbers of ITU-T H.273 in FFmpeg's words: color_primaries, color_trc, colorspace (the matrix), color_range.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import Array

if TYPE_CHECKING:
    from .file import Clip

TAGS = {"color_primaries": 2, "color_trc": 2, "colorspace": 2, "color_range": 0}  # each with the number for unspecified
LIMITED, FULL = 1, 2  # of color_range: black is 16 (in 8 bits), or 0
RGB, BT601 = 0, 6  # of colorspace
# From colorspace to FFmpeg's name of the matrix. Others, and unspecified, are taken for BT.601 both when a frame is
# decoded and when it is encoded, so that the choice cancels out.
MATRICES = {1: "ITU709", 4: "FCC", 7: "SMPTE240M", 9: "BT2020", 10: "BT2020"}
FORMATS = {(1, 3): "rgb24", (2, 3): "rgb48le", (1, 4): "rgba", (2, 4): "rgba64le"}  # by bytes and channels
RANGELESS = ("mpeg4", "mpeg2video", "wmv2")  # codecs that cannot mark full range


def tags_of(stream: Any, frame: Any) -> dict[str, int]:
    """The tags of a stream; where one is unspecified, that of its first frame."""
    tags = {}
    for tag, unspecified in TAGS.items():
        tags[tag] = int(getattr(stream.codec_context, tag))
        if tags[tag] == unspecified:
            tags[tag] = int(getattr(frame, tag, unspecified))
    if frame.format.name.startswith("yuvj"):
        tags["color_range"] = FULL
    return tags


def tags_as_stored(clip: "Clip", codec: str, pixel_format: str) -> dict[str, int]:
    """Tags of the new clip: those of the old, except where RGB becomes YUV or the codec cannot mark full range."""
    tags = dict(clip.tags)
    if tags["colorspace"] == RGB and not pixel_format.startswith(("gbr", "bgr", "rgb", "argb")):
        tags["colorspace"], tags["color_range"] = BT601, LIMITED
    if codec in RANGELESS:
        tags["color_range"] = LIMITED
    return tags


def is_clear(pixel_format: str) -> bool:
    """Whether frames of this format hold transparency."""
    from av import VideoFormat

    return any(component.is_alpha for component in VideoFormat(pixel_format).components)


def is_deep(pixel_format: str) -> bool:
    """Whether frames of this format have more than 8 bits a channel."""
    from av import VideoFormat

    return VideoFormat(pixel_format).components[0].bits > 8


def quarter_turns(frame: Any) -> int:
    """0..3, counterclockwise, that turn a frame upright."""
    return round((frame.rotation or 0) / 90) % 4


def to_rgb(frame: Any, clip: "Clip") -> Array:
    """H W 3, or with transparency H W 4, uint8 or uint16, upright; of the size of the clip's first frame."""
    matrix, turns = MATRICES.get(frame.colorspace, "ITU601"), quarter_turns(frame)
    height, width = (clip.width, clip.height) if turns % 2 else (clip.height, clip.width)
    rgb = frame.reformat(width, height, format=FORMATS[clip.dtype.itemsize, clip.shape[3]], src_colorspace=matrix,
                         dst_colorspace=matrix, interpolation=_interpolation(),
                         dst_color_range="JPEG").to_ndarray()  # fmt: skip
    return np.ascontiguousarray(np.rot90(rgb, turns))


def from_rgb(pixels: Array, pixel_format: str, tags: dict[str, int]) -> Any:
    """A frame of PyAV from H W 3 or H W 4, uint8 or uint16; without transparency where the format has none."""
    import av

    matrix = MATRICES.get(tags["colorspace"], "ITU601")
    if not is_clear(pixel_format):
        pixels = pixels[..., :3]
    kind = FORMATS[pixels.dtype.itemsize, pixels.shape[2]]
    rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=kind)
    full = tags["color_range"] == FULL
    frame = rgb.reformat(format=pixel_format, src_colorspace=matrix, dst_colorspace=matrix,
                         interpolation=_interpolation(), src_color_range="JPEG",
                         dst_color_range="JPEG" if full else "MPEG")  # fmt: skip
    for tag, value in tags.items():
        if hasattr(frame, tag):
            setattr(frame, tag, value)
    return frame


def _interpolation() -> Any:
    """Bicubic with rounding; FFmpeg truncates by default, and a clip would get half a level darker in each direction.

    Before version 18, PyAV takes no flags: there it truncates.
    """
    from av.video.reformatter import Interpolation

    try:
        return (Interpolation.BICUBIC | Interpolation.ACCURATE_RND
                | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP)  # fmt: skip
    except (AttributeError, TypeError):
        return "BICUBIC"
