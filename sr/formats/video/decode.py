"""Decoding: the streams of a clip, the time of each frame, and every frame at its time."""

from collections.abc import Callable, Generator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base import Array, NoImage, Unreadable
from .colours import to_rgb

if TYPE_CHECKING:
    from .file import Clip

HIDDEN = ("vp8", "vp9", "av1")  # codecs some of whose packets hold a frame that is never shown
CLEAR = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # decoders of transparency, which FFmpeg's own leave out


def picture_of(path: Path, file: Any) -> Any:
    """The stream of moving pictures; a cover is also a video stream, but not that one.

    Raises:
        NoImage: there is none.
    """
    found = [s for s in file.streams.video if not is_cover(s)]
    if not found or found[0].codec_context is None:
        raise NoImage(f"{path}: no image: it holds no moving pictures")
    return found[0]


def is_cover(stream: Any) -> bool:
    """Whether a video stream is a single picture attached to the file."""
    return "attached_pic" in repr(stream.disposition)


def decoder_of(stream: Any) -> Any:
    """The decoder of a stream: the one that keeps its transparency."""
    import av

    context = stream.codec_context
    if context.name not in CLEAR or stream.metadata.get("alpha_mode") != "1":
        return context
    try:
        decoder = av.CodecContext.create(CLEAR[context.name], "r")
    except ValueError:  # not part of this FFmpeg
        return context
    decoder.extradata = context.extradata
    return decoder


def survey(av: Any, file: Any, stream: Any) -> tuple[Any, list[int], int, Fraction]:
    """Read all packets once.

    Returns:
        The first undamaged frame, or None; the times of all frames; how many packets the stream has; and the end
        of the longest stream, in seconds.
    """
    first, times, count, end, clock, decoder = None, [], 0, Fraction(0), _clock(file), decoder_of(stream)
    for packet in file.demux():
        mine = packet.stream.index == stream.index
        if packet.size:
            end = max(end, (clock(packet) + (packet.duration or 0)) * packet.stream.time_base)
            count += mine
            if mine and not getattr(packet, "is_discard", False):
                times.append(clock(packet))
        if mine and first is None:
            try:
                first = next((frame for frame in decoder.decode(packet) if not frame.is_corrupt), None)
            except av.FFmpegError:
                continue
    return first, times, count, end


def decoded(clip: "Clip", file: Any) -> Generator[tuple[int, Array, Any], None, None]:
    """Every frame: its time, its pixels, and the frame of PyAV. Packets of other streams go to `clip.other`.

    A damaged frame is replaced by the one before it (the first by the next), and its time noted in `clip.damaged`;
    that of an interlaced one in `clip.interlaced`. Of two frames at one time, as two fields that do not belong together
    are decoded, the first is taken.
    """
    import av

    expected, last, lost, shown = list(reversed(clip.times)), None, set[int](), None
    stream = picture_of(clip.path, file)
    decoder = decoder_of(stream)
    decoder.thread_type = "SLICE"  # with threads by frame, an error would come with a later packet
    hidden = stream.codec_context.name in HIDDEN
    clock = _clock(file)
    # In AVI, frames are stored out of order and without times: the n-th frame shown has the n-th time.
    guessed = clock is _order and stream.codec_context.has_b_frames
    for packet in file.demux():
        if packet.stream.index != stream.index:
            if packet.size:
                clip.other(packet)
            continue
        try:
            frames = decoder.decode(packet)
        except av.FFmpegError:
            if packet.size:
                lost.add(clock(packet))
            continue
        for frame in frames:
            if frame.is_corrupt:
                lost.add(clock(frame))
                continue
            pixels = to_rgb(frame, clip)
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
            if at == shown:
                continue
            if frame.interlaced_frame:
                clip.interlaced.append(at)
            yield at, pixels, frame
            last, shown = (pixels, frame), at
    if last is None:
        raise Unreadable(f"{clip.path}: not one frame can be decoded")
    for time in reversed(expected):
        if not hidden or time in lost:
            clip.damaged.append(time)
            yield time, *last


def _clock(file: Any) -> Callable[[Any], int]:
    """The function that tells the time of a packet or frame; AVI stores an order, from which FFmpeg guesses times."""
    return _order if file.format.name == "avi" else _time


def _order(packet: Any) -> int:
    return packet.dts if packet.dts is not None else _time(packet)


def _time(packet: Any) -> int:
    return packet.pts if packet.pts is not None else packet.dts if packet.dts is not None else 0
