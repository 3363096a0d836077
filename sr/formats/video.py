"""Clips: every frame at its time, with all sound and subtitles as they are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np

from sr.atomic import replacing
from sr.errors import UserError, optional, reason

SUFFIXES = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".flv", ".wmv", ".mpg", ".mpeg", ".3gp"}
Array = np.ndarray[Any, np.dtype[Any]]
# Encoders with their settings: near enough to the original that coding is not what one sees
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
# What a clip coded so is coded with again; others with the first that the container takes
AGAIN = {
    "hevc": "libx265",
    "vp9": "libvpx-vp9",
    "vp8": "libvpx-vp9",
    "av1": "libsvtav1",
    "ffv1": "ffv1",
    "mpeg2video": "mpeg2video",
}
CODES = {"libx264": "h264", "libx265": "hevc", "libvpx-vp9": "vp9", "libsvtav1": "av1"}
# What containers take, where FFmpeg says too little or too much: AVI has no place for frames out of order.
TAKEN = {".ts": {"h264", "hevc", "mpeg2video"}, ".mts": {"h264", "hevc", "mpeg2video"}, ".mpg": {"mpeg2video"},
         ".mpeg": {"mpeg2video"}, ".avi": {"mpeg4", "ffv1"}, ".wmv": {"wmv2"}}  # fmt: skip
UNTURNED = (".flv",)  # where frames out of order would begin before zero, and all were put off
HIDDEN = ("vp8", "vp9", "av1")  # some of their packets hold frames that are never shown
MPEG2_RATES = {Fraction(n, d) for n in (24, 30, 60) for d in (1, Fraction(1001, 1000))} | {Fraction(25), Fraction(50)}
RANGELESS = ("mpeg4", "mpeg2video", "wmv2")  # they cannot say that black is 0
X265_PX = 64  # smaller frames than its blocks break its memory
SQUARE = ("libvpx-vp9", "libsvtav1")  # they cannot say that pixels are not square
STALE = {"BPS", "DURATION", "ENCODER", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "_STATISTICS_WRITING_APP",
         "_STATISTICS_WRITING_DATE_UTC", "_STATISTICS_TAGS", "MAJOR_BRAND", "MINOR_VERSION",
         "COMPATIBLE_BRANDS"}  # of the old file, untrue of the new  # fmt: skip
# Matrix of a frame (H.273) to the name that swscale has for it; one that is not told is as good as any, both ways
MATRICES = {1: "ITU709", 4: "FCC", 7: "SMPTE240M", 9: "BT2020", 10: "BT2020"}
LIMITED, FULL = 1, 2  # AVCOL_RANGE_MPEG and _JPEG
TAGS = {"color_primaries": 2, "color_trc": 2, "colorspace": 2, "color_range": 0}  # and what says nothing
RGB, BT601 = 0, 6  # of colorspace


class UnreadableVideo(UserError):
    """A clip that cannot be read, or not be enlarged rightly."""


@dataclass
class Clip:
    """What is known of a clip before it is decoded.

    Args:
        path: of its file.
        times: presentation times of its frames, in order, in units of `time_base`.
        time_base: seconds.
        height, width: as it is shown.
        rate: mean frames a second.
        deep: more than 8 bits.
        tags: what its colours mean, as numbers of H.273.
        ratio: width of a pixel to its height, as it is shown; None where it is not told.
        damaged: times of the frames that could not be decoded; known once it was read to the end.
        dropped: what is not in the new clip: streams that its container cannot take, frames that are not there.
    """

    path: Path
    times: list[int]
    time_base: Fraction
    height: int
    width: int
    rate: Fraction
    deep: bool
    tags: dict[str, int] = field(default_factory=lambda: dict(TAGS))
    ratio: Fraction | None = None
    damaged: list[int] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def probe(path: str | Path) -> Clip:
    """What there is in a clip, without decoding more than its first frame.

    Raises:
        UnreadableVideo: no clip, no frame, interlaced.
        MissingError: PyAV is not installed.
    """
    av = optional("av", f"{path}: clips need PyAV", "video")
    path = Path(path)
    try:
        with av.open(path) as file:
            stream = _picture(path, file)
            first = _first(av, file, stream)
        if first is None:
            raise UnreadableVideo(f"{path}: holds no frame")
        if first.interlaced_frame:
            raise UnreadableVideo(f"{path}: interlaced, two moments in each frame; deinterlace it first, for example: "
                                  "ffmpeg -i IN -vf bwdif -c:a copy OUT")  # fmt: skip
        with av.open(path) as file:  # all is asked for while it is open: it lies in the memory of FFmpeg
            return _described(path, file, first)
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UnreadableVideo(f"{path}: no such file") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableVideo(f"{path}: no clip that can be read ({reason(error)})") from error


def _described(path: Path, file: Any, first: Any) -> Clip:
    stream = _picture(path, file)
    times, count, end, clock = [], 0, Fraction(0), _clock(file)
    for packet in file.demux():
        if packet.size:
            end = max(end, (clock(packet) + (packet.duration or 0)) * packet.stream.time_base)
            count += packet.stream.index == stream.index
            if packet.stream.index == stream.index and not getattr(packet, "is_discard", False):
                times.append(clock(packet))
    if not times:
        raise UnreadableVideo(f"{path}: holds no frame")
    turned = _quarter_turns(first) % 2
    size = (first.width, first.height) if turned else (first.height, first.width)
    rate = stream.average_rate or stream.base_rate or stream.guessed_rate or Fraction(25)
    ratio = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or None
    clip = Clip(path, sorted(times), stream.time_base, *size, Fraction(rate), first.format.components[0].bits > 8,
                _tags(stream, first), 1 / ratio if ratio and turned else ratio)  # fmt: skip
    announced = Fraction((file.duration or 0) + (file.start_time or 0), 1_000_000)
    if stream.frames > count or announced - end > 0.5:
        clip.dropped.append(f"what the file announces behind {float(end):.2f} s but does not hold; it was cut short")
    if any(component.is_alpha for component in first.format.components):
        clip.dropped.append("transparency")
    return clip


def frames(clip: Clip, others: Any = None) -> Iterator[tuple[int, Array, Any]]:
    """Every frame: its time, its pixels H W 3 (uint8, or uint16 of a deep clip), and the frame of PyAV.

    A damaged frame is replaced by the one before it (the first by the next), and noted in `clip.damaged`.

    Args:
        clip: as `probe` found it.
        others: takes the packets of all other streams as they come.
    """
    import av

    expected, last, lost = list(reversed(clip.times)), None, set[int]()
    with av.open(clip.path) as file:
        stream = _picture(clip.path, file)
        stream.thread_type = "SLICE"  # so that an error is that of the packet at hand
        hidden = stream.codec_context.name in HIDDEN
        clock = _clock(file)
        # Nothing tells the times of these but their order.
        guessed = clock is _order and stream.codec_context.has_b_frames
        for packet in file.demux():
            if packet.stream.index != stream.index:
                if others is not None and packet.size:
                    others(packet)
                continue
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                if packet.size:
                    lost.add(clock(packet))
                continue
            for frame in decoded:
                if frame.is_corrupt:
                    lost.add(clock(frame))
                    continue
                pixels = _pixels(frame, clip)
                at = clock(frame)
                if guessed:
                    at = next((time for time in reversed(expected) if time not in lost), at)
                while expected and expected[-1] < at:
                    time = expected.pop()
                    if not hidden or time in lost:
                        clip.damaged.append(time)
                        yield time, pixels if last is None else last[0], frame
                if expected and expected[-1] == at:
                    expected.pop()
                yield at, pixels, frame
                last = pixels, frame
    if last is None:
        raise UnreadableVideo(f"{clip.path}: not one frame can be decoded")
    for time in reversed(expected):
        if not hidden or time in lost:
            clip.damaged.append(time)
            yield time, *last


def write(path: str | Path, clip: Clip, made: Any, height: int, width: int) -> int:
    """A clip of other frames at the same times, with the sound, the subtitles and the tags of `clip`.

    Args:
        path: to write; its suffix names the container.
        clip: what was read.
        made: of (time, pixels, frame of PyAV) of `frames` to the same of other pixels; an iterator to an iterator.
        height, width: of the new frames.

    Returns:
        How many frames were written.
    """
    import av

    path = Path(path)
    try:
        with replacing(path) as temporary, av.open(clip.path) as source, av.open(temporary, "w") as target:
            return _write(path, clip, made, height, width, source, target)
    except (av.FFmpegError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        hint = "" if path.suffix.lower() == ".mkv" else "; name an .mkv with -o, which holds all"
        raise UserError(f"{path}: cannot be written ({reason(error)}){hint}") from error


def _write(path: Path, clip: Clip, made: Any, height: int, width: int, source: Any, target: Any) -> int:
    import av

    count, stream = 0, _picture(clip.path, source)
    codec, pixel_format = _encoder(path, target, stream, clip, height, width)
    more = {"bf": "0"} if path.suffix.lower() in UNTURNED else {}
    out = target.add_stream(codec, rate=clip.rate, options=ENCODERS[codec] | more)
    out.width, out.height, out.pix_fmt = width, height, pixel_format
    out.time_base = out.codec_context.time_base = _time_base(path, clip, codec)
    if clip.ratio:
        out.codec_context.sample_aspect_ratio = clip.ratio
        if codec in SQUARE and clip.ratio != 1:
            clip.dropped.append(f"pixels that are {clip.ratio} as wide as high, which {path.suffix} cannot say")
    tags = _tags_as_stored(clip, codec, pixel_format)
    for tag, value in tags.items():
        setattr(out.codec_context, tag, value)
    out.metadata.update(_lasting(stream.metadata))
    if hasattr(out, "disposition"):
        out.disposition = stream.disposition
    copies = _copies(source, target, stream, clip)
    target.metadata.update(_lasting(source.metadata))
    if hasattr(target, "set_chapters"):
        target.set_chapters(source.chapters())

    def others(packet: Any) -> None:
        if packet.stream.index in copies and (packet.dts is not None or _is_cover(packet.stream)):
            packet.stream = copies[packet.stream.index]
            target.mux(packet)

    for time, pixels, like in made(frames(clip, others)):
        frame = _frame(av, pixels, pixel_format, tags)
        frame.pts, frame.time_base = time, clip.time_base
        if getattr(like, "duration", None):
            frame.duration = like.duration
        target.mux(out.encode(frame))
        count += 1
    target.mux(out.encode(None))
    return count


def _picture(path: Path, file: Any) -> Any:
    """The stream of moving pictures; a cover is none."""
    found = [s for s in file.streams.video if not _is_cover(s)]
    if not found or found[0].codec_context is None:
        raise UnreadableVideo(f"{path}: holds no moving pictures")
    return found[0]


def _order(packet: Any) -> int:
    return packet.dts if packet.dts is not None else _time(packet)


def _clock(file: Any) -> Callable[[Any], int]:
    """What tells the time of a packet or frame; AVI numbers them as they are stored, and FFmpeg guesses the rest."""
    return _order if file.format.name == "avi" else _time


def _is_cover(stream: Any) -> bool:
    return "attached_pic" in repr(stream.disposition)


def _time(packet: Any) -> int:
    return packet.pts if packet.pts is not None else packet.dts if packet.dts is not None else 0


def _quarter_turns(frame: Any) -> int:
    return round((frame.rotation or 0) / 90) % 4


def _first(av: Any, file: Any, stream: Any) -> Any:
    """The first frame that is sound."""
    for packet in file.demux(stream):
        try:
            for frame in packet.decode():
                if not frame.is_corrupt:
                    return frame
        except av.FFmpegError:
            continue
    return None


def _tags(stream: Any, frame: Any) -> dict[str, int]:
    """What the stream says of colours, or else its first frame."""
    tags = {}
    for tag, nothing in TAGS.items():
        tags[tag] = int(getattr(stream.codec_context, tag))
        if tags[tag] == nothing:
            tags[tag] = int(getattr(frame, tag, nothing))
    if frame.format.name.startswith("yuvj"):
        tags["color_range"] = FULL
    return tags


def _tags_as_stored(clip: Clip, codec: str, pixel_format: str) -> dict[str, int]:
    """As before, but where RGB becomes YUV, or the encoder cannot say it."""
    tags = dict(clip.tags)
    if tags["colorspace"] == RGB and not pixel_format.startswith(("gbr", "bgr", "rgb")):
        tags["colorspace"], tags["color_range"] = BT601, LIMITED
    if codec in RANGELESS:
        tags["color_range"] = LIMITED
    return tags


def _lasting(metadata: dict[str, str]) -> dict[str, str]:
    """Without what Matroska and MP4 note of a file's own bytes; Matroska appends the language."""
    return {key: value for key, value in metadata.items() if key.split("-")[0].upper() not in STALE}


def _pixels(frame: Any, clip: Clip) -> Array:
    """RGB, upright, of the size of the first."""
    matrix, turns = MATRICES.get(frame.colorspace, "ITU601"), _quarter_turns(frame)
    height, width = (clip.width, clip.height) if turns % 2 else (clip.height, clip.width)
    rgb = frame.reformat(width, height, format="rgb48le" if clip.deep else "rgb24", src_colorspace=matrix,
                         dst_colorspace=matrix, interpolation=_interpolation(),
                         dst_color_range="JPEG").to_ndarray()  # fmt: skip
    return np.ascontiguousarray(np.rot90(rgb, turns))


def _frame(av: Any, pixels: Array, pixel_format: str, tags: dict[str, int]) -> Any:
    matrix = MATRICES.get(tags["colorspace"], "ITU601")
    rgb = av.VideoFrame.from_ndarray(
        np.ascontiguousarray(pixels), format="rgb24" if pixels.dtype == np.uint8 else "rgb48le"
    )
    full = tags["color_range"] == FULL
    frame = rgb.reformat(format=pixel_format, src_colorspace=matrix, dst_colorspace=matrix,
                         interpolation=_interpolation(), src_color_range="JPEG",
                         dst_color_range="JPEG" if full else "MPEG")  # fmt: skip
    for tag, value in tags.items():
        if hasattr(frame, tag):
            setattr(frame, tag, value)
    return frame


def _interpolation() -> Any:
    """With rounding: by default FFmpeg cuts, and each way a clip would darken by half a level. Before PyAV 18: so."""
    from av.video.reformatter import Interpolation

    try:
        return (Interpolation.BICUBIC | Interpolation.ACCURATE_RND
                | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP)  # fmt: skip
    except (AttributeError, TypeError):
        return "BICUBIC"


def _encoder(path: Path, target: Any, stream: Any, clip: Clip, height: int, width: int) -> tuple[str, str]:
    """What to code with, and how pixels are stored: as before, where the encoder and odd sizes let it."""
    import av

    taken = TAKEN.get(path.suffix.lower()) or target.supported_codecs
    before = stream.codec_context
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
        except ValueError:  # an FFmpeg without it
            continue
        for pixel_format in formats:
            if pixel_format in holds and not (odd and "420" in pixel_format):
                return codec, pixel_format
    raise UserError(f"{path}: no encoder at hand puts {width}x{height} pixels of {'10' if clip.deep else '8'} bits, "
                    f"{float(clip.rate):g} frames a second, into {path.suffix}; name an .mkv with -o")  # fmt: skip


def _is_even(clip: Clip) -> bool:
    """A frame at each tick of a rate that MPEG-2 knows."""
    ticks = [(time - clip.times[0]) * clip.time_base * clip.rate for time in clip.times]
    return clip.rate in MPEG2_RATES and all(abs(tick - round(tick)) < 0.25 for tick in ticks)


def _time_base(path: Path, clip: Clip, codec: str) -> Fraction:
    """AVI stores something for each tick, MPEG-2 counts frames, MPEG-4 a second in 16 bits."""
    base = clip.time_base
    if path.suffix.lower() == ".avi":
        base *= gcd(*clip.times) or 1
    if codec == "mpeg2video" or (codec == "mpeg4" and base.denominator > 65535):
        return 1 / clip.rate
    return base


def _copies(source: Any, target: Any, picture: Any, clip: Clip) -> dict[int, Any]:
    """Streams of the new clip for all others of the old one; those that it cannot hold are noted."""
    import av

    copies, titles = {}, hasattr(target, "set_chapters") and source.chapters()  # MP4 has a stream of these titles
    for stream in source.streams:
        if stream.index == picture.index or (stream.type == "data" and titles):
            continue
        try:
            if stream.type not in ("audio", "subtitle", "video", "attachment"):
                raise ValueError("no sound, subtitle or picture")
            copies[stream.index] = target.add_stream_from_template(stream)
            copies[stream.index].metadata.update(stream.metadata)
            if hasattr(stream, "disposition"):  # a cover, a default, for those who do not hear
                copies[stream.index].disposition = stream.disposition
        except (ValueError, av.FFmpegError) as error:
            clip.dropped.append(f"stream {stream.index} ({stream.type}: {reason(error)})")
    return copies
