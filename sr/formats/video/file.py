"""Clips: every frame at its time, with all sound and subtitles as they are."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from math import gcd
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO

import numpy as np

from sr.atomic import replacing
from sr.errors import UserError, optional, reason
from sr.image.range import Range

from ..base import Array, File, Unreadable

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


class Clip(File):
    """A clip: every frame H W 3 at its time, uint8, or uint16 where it has more than 8 bits; with all else beside.

    Its times are read first, packet by packet: a damaged frame can be replaced at its time only if that is known.

    - `times`: presentation times of its frames, in order, in units of `time_base` (seconds).
    - `rate`: mean frames a second.
    - `tags`: what its colours mean, as numbers of H.273.
    - `ratio`: width of a pixel to its height, as it is shown; None where it is not told.
    - `damaged`: times of the frames that could not be decoded; known once it was read to the end.
    - `dropped`: what is not in the new clip: streams that its container cannot take, frames that are not there.
    """

    kind = "video"
    suffixes = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".flv", ".wmv", ".mpg",
                          ".mpeg", ".3gp"})  # fmt: skip
    moves = True
    colours = (0, 1, 2)

    def __init__(self, path: Path, handle: BinaryIO) -> None:
        super().__init__(path, handle)
        av = optional("av", f"{path}: clips need PyAV", "video")
        self.damaged: list[int] = []
        self.dropped: list[str] = []
        self.pending: deque[tuple[int, Any]] = deque()  # time and frame of PyAV of what was read, until it is written
        self.other: Callable[[Any], None] = _ignore  # takes the packets of all other streams as they come
        try:
            with self._container() as file:
                stream = _picture(path, file)
                first, times, count, end = _look(av, file, stream)
                if first is None or not times:
                    raise Unreadable(f"{path}: holds no frame")
                if first.interlaced_frame:
                    raise Unreadable(f"{path}: interlaced, two moments in each frame; deinterlace it first, for "
                                     "example: ffmpeg -i IN -vf bwdif -c:a copy OUT")  # fmt: skip
                self._describe(stream, first, times)
                announced = Fraction((file.duration or 0) + (file.start_time or 0), 1_000_000)
                if stream.frames > count or announced - end > 0.5:
                    what = f"what the file announces behind {float(end):.2f} s but does not hold; it was cut short"
                    self.dropped.append(what)
        except UserError:
            raise
        except (av.FFmpegError, OSError, ValueError) as error:
            raise Unreadable(f"{path}: no clip that can be read ({reason(error)})") from error

    def _container(self) -> Any:
        """Another reader of the one handle, from its beginning on; what an earlier one has still to read, it cannot."""
        import av

        self.handle.seek(0)
        return av.open(self.handle)

    def _describe(self, stream: Any, first: Any, times: list[int]) -> None:
        """All is asked for while the container is open: it lies in the memory of FFmpeg."""
        turned = _quarter_turns(first) % 2
        height, width = (first.width, first.height) if turned else (first.height, first.width)
        self.shape, self.times, self.time_base = (len(times), height, width, 3), sorted(times), stream.time_base
        self.rate = Fraction(stream.average_rate or stream.base_rate or stream.guessed_rate or 25)
        self.deep = first.format.components[0].bits > 8
        self.dtype = np.dtype(np.uint16 if self.deep else np.uint8)
        self.tags = _tags(stream, first)
        ratio = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or None
        self.ratio: Fraction | None = 1 / ratio if ratio and turned else ratio
        if any(component.is_alpha for component in first.format.components):
            self.dropped.append("transparency")

    @property
    def height(self) -> int:
        return self.shape[1]

    @property
    def width(self) -> int:
        return self.shape[2]

    def find_range(self) -> Range:
        return Range.of_type(self.dtype)

    def frames(self) -> Iterator[Array]:
        with self._container() as file:
            yield from self._frames(file)

    def _frames(self, file: Any) -> Iterator[Array]:
        for time, pixels, frame in _decoded(self, file):
            self.pending.append((time, frame))
            yield pixels

    @contextmanager
    def writer(
        self, target: Path, size: tuple[int, ...], how: str = "", plain: bool = False
    ) -> Iterator[Callable[..., None]]:
        """A clip of other frames at the same times, with the sound, the subtitles and the tags of this one."""
        import av

        began, count = perf_counter(), 0
        try:
            with replacing(target) as temporary, self._container() as source, av.open(temporary, "w") as file:
                out, pixel_format, tags = _target(target, self, source, file, *size)

                def write(pixels: Array) -> None:
                    nonlocal count
                    time, like = self.pending.popleft()
                    frame = _frame(av, pixels, pixel_format, tags)
                    frame.pts, frame.time_base = time, self.time_base
                    if getattr(like, "duration", None):
                        frame.duration = like.duration
                    file.mux(out.encode(frame))
                    count += 1

                yield write
                file.mux(out.encode(None))
        except (av.FFmpegError, ValueError) as error:
            if isinstance(error, UserError):
                raise
            hint = "" if target.suffix.lower() == ".mkv" else "; name an .mkv with -o, which holds all"
            raise UserError(f"{target}: cannot be written ({reason(error)}){hint}") from error
        finally:
            self.other = _ignore
        self.notes.append(f"{count} frames, {count / (perf_counter() - began):.2f} frames/s")
        if self.damaged:
            at = ", ".join(f"{float(time * self.time_base):.2f}" for time in self.damaged[:5])
            more = " ..." if len(self.damaged) > 5 else ""
            self.notes.append(f"{len(self.damaged)} damaged ones replaced by their neighbours (at {at}{more} s)")
        self.notes += [f"not kept: {what}" for what in self.dropped]


def _ignore(_: Any) -> None:
    pass


def _look(av: Any, file: Any, stream: Any) -> tuple[Any, list[int], int, Fraction]:
    """The first frame that is sound, the times of all, the count of packets, and where the last of any stream ends."""
    first, times, count, end, clock = None, [], 0, Fraction(0), _clock(file)
    for packet in file.demux():
        mine = packet.stream.index == stream.index
        if packet.size:
            end = max(end, (clock(packet) + (packet.duration or 0)) * packet.stream.time_base)
            count += mine
            if mine and not getattr(packet, "is_discard", False):
                times.append(clock(packet))
        if mine and first is None:
            try:
                first = next((frame for frame in packet.decode() if not frame.is_corrupt), None)
            except av.FFmpegError:
                continue
    return first, times, count, end


def _decoded(clip: Clip, file: Any) -> Iterator[tuple[int, Array, Any]]:
    """Every frame: its time, its pixels, and the frame of PyAV.

    A damaged frame is replaced by the one before it (the first by the next), and noted in `clip.damaged`.
    """
    import av

    expected, last, lost = list(reversed(clip.times)), None, set[int]()
    stream = _picture(clip.path, file)
    stream.thread_type = "SLICE"  # so that an error is that of the packet at hand
    hidden = stream.codec_context.name in HIDDEN
    clock = _clock(file)
    # Nothing tells the times of these but their order.
    guessed = clock is _order and stream.codec_context.has_b_frames
    for packet in file.demux():
        if packet.stream.index != stream.index:
            if packet.size:
                clip.other(packet)
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
        raise Unreadable(f"{clip.path}: not one frame can be decoded")
    for time in reversed(expected):
        if not hidden or time in lost:
            clip.damaged.append(time)
            yield time, *last


def _target(
    path: Path, clip: Clip, source: Any, target: Any, height: int, width: int
) -> tuple[Any, str, dict[str, int]]:
    """The stream to encode to, its pixel format and tags; other streams are copied from now on, as they come."""
    stream = _picture(clip.path, source)
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

    def other(packet: Any) -> None:
        if packet.stream.index in copies and (packet.dts is not None or _is_cover(packet.stream)):
            packet.stream = copies[packet.stream.index]
            target.mux(packet)

    clip.other = other
    return out, pixel_format, tags


def _picture(path: Path, file: Any) -> Any:
    """The stream of moving pictures; a cover is none."""
    found = [s for s in file.streams.video if not _is_cover(s)]
    if not found or found[0].codec_context is None:
        raise Unreadable(f"{path}: holds no moving pictures")
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
