"""A clip as a File: what it is, its frames in order, and the clip that is made of them."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO

import numpy as np

from sr.atomic import replacing
from sr.errors import UserError, optional, reason
from sr.image.range import Range

from ..base import Array, File, Unreadable
from .colours import from_rgb, is_clear, is_deep, quarter_turns, tags_of
from .decode import decoded, picture_of, survey
from .mux import prepare


class Clip(File):
    """Frames in order, H W 3 or with transparency H W 4: uint8, or uint16 where the clip has more than 8 bits.

    All packets are read once before any frame: where a frame is damaged, its time is then known all the same.

    - `times`: presentation times of its frames, in order, in units of `time_base` (seconds).
    - `rate`: mean frames a second.
    - `tags`: what its colours mean (colours.py).
    - `form`: FFmpeg's name of its pixel format.
    - `ratio`: width of a pixel / its height, as it is shown; None where the file does not say.
    - `damaged`: times of frames that could not be decoded; complete once all frames were read.
    - `interlaced`: times of frames that hold two moments, in a clip that does not begin with one; the same.
    - `dropped`: what the new clip does not contain: streams that its container cannot take, frames that are not there.
    """

    kind = "video"
    suffixes = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".flv", ".wmv", ".mpg",
                          ".mpeg", ".3gp"})  # fmt: skip
    moves = True
    colours = (0, 1, 2)

    def use_labels(self) -> None:
        raise UserError(f"{self.path}: a clip, whose compression would change labels; give its frames as .png")

    def __init__(self, path: Path, handle: BinaryIO) -> None:
        super().__init__(path, handle)
        av = optional("av", f"{path}: clips need PyAV", "video")
        self.damaged: list[int] = []
        self.interlaced: list[int] = []
        self.dropped: list[str] = []
        self.pending: deque[tuple[int, Any]] = deque()  # time and PyAV's frame of what was read and not yet written
        self.other: Callable[[Any], None] = _ignore  # takes the packets of other streams while frames are decoded
        try:
            with self._container() as file:
                stream = picture_of(path, file)
                first, times, count, end = survey(av, file, stream)
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
        """Open the handle again from its beginning; an earlier container cannot go on reading."""
        import av

        self.handle.seek(0)
        return av.open(self.handle)

    def _describe(self, stream: Any, first: Any, times: list[int]) -> None:
        """Copy what is needed later: stream and frame belong to the container, which is closed soon."""
        turned = quarter_turns(first) % 2
        height, width = (first.width, first.height) if turned else (first.height, first.width)
        self.alpha = is_clear(first.format.name)
        self.shape = (len(times), height, width, 3 + self.alpha)
        self.times, self.time_base = sorted(times), stream.time_base
        self.rate = Fraction(stream.average_rate or stream.base_rate or stream.guessed_rate or 25)
        self.deep, self.form = is_deep(first.format.name), first.format.name
        self.dtype = np.dtype(np.uint16 if self.deep else np.uint8)
        self.tags = tags_of(stream, first)
        ratio = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or None
        self.ratio: Fraction | None = 1 / ratio if ratio and turned else ratio

    @property
    def height(self) -> int:
        return self.shape[1]

    @property
    def width(self) -> int:
        return self.shape[2]

    def find_range(self) -> Range:
        return Range.of_type(self.dtype)

    def frames(self) -> Iterator[Array]:
        with self._container() as file, closing(decoded(self, file)) as found:  # which ends before its container does
            for time, pixels, frame in found:
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
                out, pixel_format, tags = prepare(target, self, source, file, *size)

                def write(pixels: Array) -> None:
                    nonlocal count
                    time, like = self.pending.popleft()
                    frame = from_rgb(pixels, pixel_format, tags)
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
        if self.interlaced:
            self.notes.append(f"{len(self.interlaced)} interlaced ones, two moments in each, enlarged as they are (the "
                              f"first at {float(self.interlaced[0] * self.time_base):.2f} s)")  # fmt: skip
        self.notes += [f"not kept: {what}" for what in self.dropped]


def _ignore(_: Any) -> None:
    pass
