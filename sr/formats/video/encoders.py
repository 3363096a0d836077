"""Encoder and pixel format of the new clip: those of the old one, where the new container allows them."""

from fractions import Fraction
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sr.errors import UserError

from .colours import is_deep

if TYPE_CHECKING:
    from .file import Clip

# Encoders in order of preference, with settings at which the loss is not visible
ENCODERS: dict[str, dict[str, str]] = {
    "libx264": {"crf": "16", "preset": "medium"},
    "libx265": {"crf": "18", "preset": "medium", "x265-params": "log-level=error"},
    "libvpx-vp9": {"crf": "20", "b": "0", "row-mt": "1", "cpu-used": "4"},
    "libsvtav1": {"crf": "20", "preset": "8"},
    "mpeg2video": {"qmin": "1", "qmax": "3"},
    "mpeg4": {"qmin": "1", "qmax": "3", "bf": "0"},
    "wmv2": {"qmin": "1", "qmax": "3"},
    "ffv1": {"level": "3"},
}
# The same, with those that are asked for transparency alone
OPTIONS = ENCODERS | {"prores_ks": {"profile": "4444", "alpha_bits": "16"}, "qtrle": {}, "png": {}}
# Encoders that hold transparency, with the pixel formats in which they do; and in which container, the preferred first
CLEAR_FORMATS = {"libvpx-vp9": ("yuva420p",), "prores_ks": ("yuva444p10le",), "qtrle": ("argb",),
                 "png": ("rgba", "rgba64be"), "ffv1": ("bgra", "yuva444p", "gbrap16le", "yuva444p10le", "yuva444p12le"),
                 }  # fmt: skip
CLEAR_IN = {".webm": ("libvpx-vp9",), ".mkv": ("libvpx-vp9", "ffv1", "prores_ks"), ".avi": ("ffv1",),
            ".mov": ("prores_ks", "qtrle", "png")}  # fmt: skip
# From the codec of the old clip to the encoder that is tried first; libx264 for all others
AGAIN = {
    "hevc": "libx265",
    "vp9": "libvpx-vp9",
    "vp8": "libvpx-vp9",
    "av1": "libsvtav1",
    "ffv1": "ffv1",
    "mpeg2video": "mpeg2video",
}
CODES = {
    "libx264": "h264",
    "libx265": "hevc",
    "libvpx-vp9": "vp9",
    "libsvtav1": "av1",
    "prores_ks": "prores",
}  # encoder to codec, where their names differ
# Codecs that a container takes, where FFmpeg's own list is incomplete, or includes codecs that AVI cannot keep in order
TAKEN = {".ts": {"h264", "hevc", "mpeg2video"}, ".mts": {"h264", "hevc", "mpeg2video"}, ".mpg": {"mpeg2video"},
         ".mpeg": {"mpeg2video"}, ".avi": {"mpeg4", "ffv1"}, ".wmv": {"wmv2"}}  # fmt: skip
MPEG2_RATES = {Fraction(n, d) for n in (24, 30, 60) for d in (1, Fraction(1001, 1000))} | {Fraction(25), Fraction(50)}
X265_PX = 64  # libx265 crashes on smaller frames
SQUARE = ("libvpx-vp9", "libsvtav1")  # encoders that cannot store that pixels are not square


def encoder_for(path: Path, target: Any, stream: Any, clip: "Clip", height: int, width: int) -> tuple[str, str]:
    """Encoder and pixel format; subsampled chroma is given up where a size is odd, transparency where nothing holds it.

    Args:
        path: to write.
        target: the open container.
        stream: of the old clip.
        clip: the old clip.
        height, width: of the new one.

    Raises:
        UserError: no encoder at hand fits this container.
    """
    import av

    taken = TAKEN.get(path.suffix.lower()) or target.supported_codecs
    before = stream.codec_context
    if clip.alpha:
        if (found := _clear_encoder(path, before.name, clip)) is not None:
            return found
        clip.dropped.append(f"transparency, which {path.suffix} cannot store; a .webm, .mkv or .mov can")
    wanted = before.pix_fmt.replace("yuvj", "yuv").replace("yuva", "yuv").replace("gbrap", "gbrp")
    sub = "420" in wanted or "422" in wanted or "nv12" in wanted
    odd = ("420" in wanted and height % 2) or (sub and width % 2)
    formats = [wanted] if not odd else []
    formats += [f"{wanted[:7]}10le"] if clip.deep and not odd and wanted.startswith("yuv") else []
    formats += [f"{kind}10le" for kind in ("yuv444p" if odd else "yuv420p", "yuv444p")] if clip.deep else []
    formats += [] if clip.deep else ["yuv444p" if odd else "yuv420p", "yuv420p", "yuv444p"]
    again = AGAIN.get(before.name, "libx264")
    if again in SQUARE and clip.ratio not in (None, 1):
        again = "libx264"
    for codec in dict.fromkeys([again, *ENCODERS]):
        if CODES.get(codec, codec) not in taken or (codec == "mpeg2video" and not _is_even(clip)):
            continue
        if codec == "libx265" and min(height, width) < X265_PX:
            continue
        try:
            holds = {found.name for found in av.Codec(codec, "w").video_formats or ()}
        except ValueError:  # not part of this FFmpeg
            continue
        for pixel_format in formats:
            if pixel_format in holds and not (odd and "420" in pixel_format):
                return codec, pixel_format
    raise UserError(f"{path}: no encoder at hand puts {width}x{height} pixels of {'10' if clip.deep else '8'} bits, "
                    f"{float(clip.rate):g} frames a second, into {path.suffix}; name an .mkv with -o")  # fmt: skip


def _clear_encoder(path: Path, before: str, clip: "Clip") -> tuple[str, str] | None:
    """Encoder, of the codec `before` if any is, and pixel format that hold transparency, and all bits if one can."""
    import av

    taken = [codec for codec in CLEAR_IN.get(path.suffix.lower(), ()) if codec in av.codecs_available]
    taken.sort(key=lambda codec: CODES.get(codec, codec) != before)
    if clip.ratio not in (None, 1):
        taken = [codec for codec in taken if codec not in SQUARE]
    for deep in dict.fromkeys([clip.deep, False, True]):
        for codec in taken:
            found = [name for name in CLEAR_FORMATS[codec] if is_deep(name) == deep]
            if found:
                return codec, clip.form if clip.form in found else found[0]
    return None


def time_base_for(path: Path, clip: "Clip", codec: str) -> Fraction:
    """The unit of time, in seconds, in which the new clip counts: that of the old one where the format lets it."""
    base = clip.time_base
    if path.suffix.lower() == ".avi":  # stores an entry for each tick
        base *= gcd(*clip.times) or 1
    if codec == "mpeg2video" or (codec == "mpeg4" and base.denominator > 65535):  # counts frames; has 16 bits a second
        return 1 / clip.rate
    return base


def _is_even(clip: "Clip") -> bool:
    """Whether there is a frame at each tick of a rate that MPEG-2 knows."""
    ticks = [(time - clip.times[0]) * clip.time_base * clip.rate for time in clip.times]
    return clip.rate in MPEG2_RATES and all(abs(tick - round(tick)) < 0.25 for tick in ticks)
