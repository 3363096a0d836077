"""A still image as a frame of a video, by FFmpeg's encoders through PyAV: H.264, H.265, MPEG-4, as cameras record."""

import io
import math
from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sr.errors import optional

from .operator import Draw, Interval, Operator, interval, pick, shares, to_levels, uniform, whole

ENCODERS = {"h264": "libx264", "h265": "libx265", "mpeg4": "mpeg4"}


class Video(Operator):
    """The last frame of a short window, over which the image moves to its place: predicted from frames before it.

    Args:
        codecs: h264, h265 and mpeg4, how likely.
        crf_h264, crf_h265: constant rate factors of the first two; the defaults are APISR's (Wang et al., CVPR 2024).
        quantizer: of mpeg4, 1 to 31.
        frames: of the window.
        motion: in pixels a frame, in any direction.
        probability: that it is applied.

    Raises:
        UserError: PyAV is not installed.
    """

    def __init__(
        self,
        codecs: Mapping[str, float],
        crf_h264: Interval = (23, 38),
        crf_h265: Interval = (28, 42),
        quantizer: Interval = (6, 28),
        frames: int = 4,
        motion: Interval = (0, 3),
        probability: float = 1.0,
    ) -> None:
        super().__init__(probability)
        self.codecs = shares("codecs", codecs, list(ENCODERS))
        self.strengths = {
            "h264": interval("crf_h264", crf_h264, 0, 51),
            "h265": interval("crf_h265", crf_h265, 0, 51),
            "mpeg4": interval("quantizer", quantizer, 1, 31),
        }
        self.frames, self.motion = frames, interval("motion", motion, 0)
        optional("av", "degradations by video codecs need PyAV", "video")

    def draw(self, random: np.random.Generator) -> Draw:
        codec, angle, speed = pick(random, self.codecs), uniform(random, (0, 2 * math.pi)), uniform(random, self.motion)
        return {
            "codec": codec,
            "strength": whole(random, self.strengths[codec]),
            "motion_x": speed * math.cos(angle),
            "motion_y": speed * math.sin(angle),
        }

    def alone(self, image: Tensor, draw: Draw, lr_size: tuple[int, int]) -> Tensor:
        window = moved(image.cpu(), self.frames, draw["motion_x"], draw["motion_y"])
        last = recorded(window, draw["codec"], draw["strength"])
        return last.to(image.device, image.dtype).div(255)


def moved(image: Tensor, frames: int, x: float, y: float) -> Tensor:
    """T C h w in bytes: the image shifted by whole pixels, at its place in the last frame; its border is continued."""
    levels = to_levels(image)
    margin = math.ceil(max(abs(x), abs(y)) * (frames - 1))
    wide = F.pad(levels[None], (margin,) * 4, mode="replicate")[0]
    height, width = levels.shape[1:]
    window = []
    for left in reversed(range(frames)):
        top, start = margin + round(y * left), margin + round(x * left)
        window.append(wide[:, top : top + height, start : start + width])
    return torch.stack(window).byte()


def recorded(window: Tensor, codec: str, strength: int) -> Tensor:
    """The last frame, C h w in bytes, of a window of T C h w after a codec; of other than 3 channels each is gray."""
    if window.shape[1] != 3:
        planes = [recorded(plane[:, None].expand(-1, 3, -1, -1), codec, strength)[:1] for plane in window.unbind(1)]
        return torch.cat(planes)
    import av

    height, width = window.shape[2:]
    # Encoders want even sizes, libx265 crashes on frames of less than 64 pixels, and libx264 does not always do the
    # same twice on frames of 64 (measured: in a third of the tries; on 128, never).
    padding = (0, max(128 - width, width % 2), 0, max(128 - height, height % 2))
    frames = F.pad(window.float(), padding, mode="replicate").byte().permute(0, 2, 3, 1).contiguous().numpy()
    options = {"crf": str(strength), "preset": "veryfast", "x265-params": "log-level=none:pools=none:frame-threads=1"}
    if codec == "mpeg4":
        options = {"qmin": str(strength), "qmax": str(strength)}
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream(ENCODERS[codec], rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        stream.time_base, stream.codec_context.thread_count = Fraction(1, 25), 1
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        *_, last = container.decode(video=0)
    pixels = torch.from_numpy(last.to_ndarray(format="rgb24")).permute(2, 0, 1)
    return pixels[:, :height, :width].contiguous()
