"""Clips: every frame at its time, with all sound and subtitles as they are."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from sr.atomic import replacing
from sr.errors import MissingError, UserError, reason

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
    "ffv1": {"level": "3"},
}
# What a clip coded so is coded with again; others with the first that the container takes
AGAIN = {"hevc": "libx265", "vp9": "libvpx-vp9", "vp8": "libvpx-vp9", "av1": "libsvtav1", "ffv1": "ffv1",
         "mpeg2video": "mpeg2video"}
CODES = {"libx264": "h264", "libx265": "hevc", "libvpx-vp9": "vp9", "libsvtav1": "av1"}
# What containers take, where FFmpeg says too little or too much: AVI has no place for frames out of order.
TAKEN = {".ts": {"h264", "hevc", "mpeg2video"}, ".mts": {"h264", "hevc", "mpeg2video"}, ".mpg": {"mpeg2video"},
         ".mpeg": {"mpeg2video"}, ".avi": {"mpeg4", "ffv1"}}  # fmt: skip
HIDDEN = ("vp8", "vp9", "av1")  # some of their packets hold frames that are never shown
# Matrix of a frame (H.273) to the name that swscale has for it; one that is not told is as good as any, both ways
MATRICES = {1: "ITU709", 4: "FCC", 7: "SMPTE240M", 9: "BT2020", 10: "BT2020"}
FULL = 2  # AVCOL_RANGE_JPEG


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
        damaged: times of the frames that could not be decoded; known once it was read to the end.
        dropped: streams that the new container could not take.
    """

    path: Path
    times: list[int]
    time_base: Fraction
    height: int
    width: int
    rate: Fraction
    deep: bool
    damaged: list[int] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def probe(path: str | Path) -> Clip:
    """What there is in a clip, without decoding more than its first frame.

    Raises:
        UnreadableVideo: no clip, no frame, interlaced.
        MissingError: PyAV is not installed.
    """
    av = _av(path)
    path = Path(path)
    try:
        with av.open(path) as file:
            stream = _picture(path, file)
            first = next(file.decode(stream), None)
        with av.open(path) as file:
            stream = _picture(path, file)
            times = sorted(_time(p) for p in file.demux(stream) if p.size and not getattr(p, "is_discard", False))
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UnreadableVideo(f"{path}: no such file") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableVideo(f"{path}: no clip that can be read ({reason(error)})") from error
    if first is None or not times:
        raise UnreadableVideo(f"{path}: holds no frame")
    if first.interlaced_frame:
        raise UnreadableVideo(f"{path}: interlaced, two moments in each frame; deinterlace it first, for example: "
                              "ffmpeg -i IN -vf bwdif -c:a copy OUT")  # fmt: skip
    turned = _quarter_turns(first) % 2
    size = (first.width, first.height) if turned else (first.height, first.width)
    rate = stream.average_rate or stream.base_rate or stream.guessed_rate or Fraction(25)
    return Clip(path, times, stream.time_base, *size, Fraction(rate), first.format.components[0].bits > 8)


def frames(clip: Clip, others: Any = None) -> Iterator[tuple[int, Array, Any]]:
    """Every frame: its time, its pixels H W 3 (uint8, or uint16 of a deep clip), and the frame of PyAV.

    A damaged frame is replaced by the one before it (the first by the next), and noted in `clip.damaged`.

    Args:
        clip: as `probe` found it.
        others: takes the packets of all other streams as they come.
    """
    av = _av(clip.path)
    hidden, lost = False, set[int]()
    expected, last = list(reversed(clip.times)), None
    with av.open(clip.path) as file:
        stream = _picture(clip.path, file)
        stream.thread_type = "SLICE"  # so that an error is that of the packet at hand
        hidden = stream.codec_context.name in HIDDEN
        for packet in file.demux():
            if packet.stream.index != stream.index:
                if others is not None and packet.dts is not None:
                    others(packet)
                continue
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                if packet.size:
                    lost.add(_time(packet))
                continue
            for frame in decoded:
                if frame.is_corrupt:
                    lost.add(_time(frame))
                    continue
                pixels = _pixels(frame, clip.deep)
                while expected and expected[-1] < _time(frame):
                    time = expected.pop()
                    if not hidden or time in lost:
                        clip.damaged.append(time)
                        yield time, pixels if last is None else last[0], frame
                if expected and expected[-1] == _time(frame):
                    expected.pop()
                yield _time(frame), pixels, frame
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
    av = _av(path)
    path = Path(path)
    try:
        with replacing(path) as temporary, av.open(clip.path) as source, av.open(temporary, "w") as target:
            return _write(path, clip, made, height, width, source, target)
    except (av.FFmpegError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path}: cannot be written ({reason(error)}); name an .mkv with -o, which holds all") from error


def _write(path: Path, clip: Clip, made: Any, height: int, width: int, source: Any, target: Any) -> int:
    import av

    count, stream = 0, _picture(clip.path, source)
    codec, pixel_format = _encoder(path, target, stream, clip.deep, height, width)
    out = target.add_stream(codec, rate=clip.rate, options=ENCODERS[codec])
    out.width, out.height, out.pix_fmt = width, height, pixel_format
    out.time_base = out.codec_context.time_base = _time_base(clip, codec)
    context = stream.codec_context
    if context.sample_aspect_ratio:
        out.codec_context.sample_aspect_ratio = context.sample_aspect_ratio
    for tag in ("color_primaries", "color_trc", "colorspace", "color_range"):
        setattr(out.codec_context, tag, getattr(context, tag))
    out.metadata.update(stream.metadata)
    copies = _copies(source, target, stream, clip)
    target.metadata.update(source.metadata)
    if hasattr(target, "set_chapters"):
        target.set_chapters(source.chapters())

    def others(packet: Any) -> None:
        if packet.stream.index in copies:
            packet.stream = copies[packet.stream.index]
            target.mux(packet)

    for time, pixels, like in made(frames(clip, others)):
        frame = _frame(av, pixels, like, pixel_format)
        frame.pts, frame.time_base = time, clip.time_base
        target.mux(out.encode(frame))
        count += 1
    target.mux(out.encode(None))
    return count


def _picture(path: Path, file: Any) -> Any:
    """The stream of moving pictures; a cover is none."""
    found = [s for s in file.streams.video if "attached_pic" not in repr(s.disposition)]
    if not found or found[0].codec_context is None:
        raise UnreadableVideo(f"{path}: holds no moving pictures")
    return found[0]


def _time(packet: Any) -> int:
    return packet.pts if packet.pts is not None else packet.dts if packet.dts is not None else 0


def _quarter_turns(frame: Any) -> int:
    return round((frame.rotation or 0) / 90) % 4


def _pixels(frame: Any, deep: bool) -> Array:
    """RGB, upright."""
    matrix = MATRICES.get(frame.colorspace, "ITU601")
    rgb = frame.reformat(format="rgb48le" if deep else "rgb24", src_colorspace=matrix, dst_colorspace=matrix,
                         interpolation=_interpolation(), dst_color_range="JPEG").to_ndarray()  # fmt: skip
    return np.ascontiguousarray(np.rot90(rgb, _quarter_turns(frame)))


def _frame(av: Any, pixels: Array, like: Any, pixel_format: str) -> Any:
    matrix = MATRICES.get(like.colorspace, "ITU601")
    rgb = av.VideoFrame.from_ndarray(
        np.ascontiguousarray(pixels), format="rgb24" if pixels.dtype == np.uint8 else "rgb48le"
    )
    full = like.color_range == FULL or like.format.name.startswith("yuvj")
    frame = rgb.reformat(format=pixel_format, src_colorspace=matrix, dst_colorspace=matrix, interpolation=_interpolation(),
                         src_color_range="JPEG", dst_color_range="JPEG" if full else "MPEG")  # fmt: skip
    frame.colorspace, frame.color_range = like.colorspace, like.color_range
    for tag in ("color_primaries", "color_trc"):
        if hasattr(frame, tag):
            setattr(frame, tag, getattr(like, tag))
    return frame


def _interpolation() -> Any:
    """With rounding: by default FFmpeg cuts, and each way a clip would darken by half a level. Before PyAV 18: so."""
    from av.video.reformatter import Interpolation

    try:
        return (Interpolation.BICUBIC | Interpolation.ACCURATE_RND
                | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP)  # fmt: skip
    except (AttributeError, TypeError):
        return "BICUBIC"


def _encoder(path: Path, target: Any, stream: Any, deep: bool, height: int, width: int) -> tuple[str, str]:
    """What to code with, and how pixels are stored: as before, where the encoder and odd sizes let it."""
    import av

    taken = TAKEN.get(path.suffix.lower()) or target.supported_codecs
    before = stream.codec_context
    wanted = before.pix_fmt.replace("yuvj", "yuv")
    sub = "420" in wanted or "422" in wanted or "nv12" in wanted
    odd = ("420" in wanted and height % 2) or (sub and width % 2)
    formats = [wanted] if not odd else []
    formats += [f"{kind}10le" for kind in ("yuv444p" if odd else "yuv420p", "yuv444p")] if deep else []
    formats += [] if deep else ["yuv444p" if odd else "yuv420p", "yuv420p", "yuv444p"]
    for codec in dict.fromkeys([AGAIN.get(before.name, "libx264"), *ENCODERS]):
        if CODES.get(codec, codec) not in taken:
            continue
        holds = {found.name for found in av.Codec(codec, "w").video_formats or ()}
        for pixel_format in formats:
            if pixel_format in holds and not (odd and "420" in pixel_format):
                return codec, pixel_format
    raise UserError(f"{path}: no encoder at hand puts {width}x{height} pixels of {'10' if deep else '8'} bits into "
                    f"{path.suffix}; name an .mkv with -o")  # fmt: skip


def _time_base(clip: Clip, codec: str) -> Fraction:
    """MPEG-4 counts a second in 16 bits."""
    if codec == "mpeg4" and clip.time_base.denominator > 65535:
        return 1 / clip.rate
    return clip.time_base


def _copies(source: Any, target: Any, picture: Any, clip: Clip) -> dict[int, Any]:
    """Streams of the new clip for all others of the old one; those that it cannot hold are noted."""
    import av

    copies = {}
    for stream in source.streams:
        if stream.index == picture.index:
            continue
        try:
            if stream.type not in ("audio", "subtitle", "video", "attachment"):
                raise ValueError("no sound, subtitle or picture")
            copies[stream.index] = target.add_stream_from_template(stream)
            copies[stream.index].metadata.update(stream.metadata)
        except (ValueError, av.FFmpegError) as error:
            clip.dropped.append(f"stream {stream.index} ({stream.type}: {reason(error)})")
    return copies


def _av(path: str | Path) -> Any:
    try:
        import av
    except ImportError as error:
        raise MissingError(f"{path}: clips need PyAV: pip install 'sr[video]'") from error
    return av
