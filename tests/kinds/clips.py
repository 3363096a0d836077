"""Clips: containers, codecs, bits, colours, times, sound."""

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from importlib.util import find_spec

from tests.corpus import Sample

PQ = {"color_range": 1, "colorspace": 9, "color_primaries": 9, "color_trc": 16}


def samples() -> Iterator[Sample]:
    if find_spec("av") is None:
        return
    from tests.formats.video import clips, test_transparency

    make = partial(clips.make, times=range(5))
    containers = {".mkv": "ffv1", ".mov": "libx264", ".ts": "libx264", ".flv": "libx264", ".avi": "mpeg4",
                  ".mpg": "mpeg2video", ".wmv": "wmv2", ".3gp": "libx264", ".m4v": "libx264"}  # fmt: skip
    for suffix, codec in containers.items():
        again = () if codec in ("libx264", "ffv1", "mpeg2video") else ("codec",)
        yield Sample(f"clips/plain{suffix}", partial(make, codec=codec), {"frames": 5}, lost=again, within=4)
    yield Sample("clips/sound.mp4", partial(make, sound=2, chapters=True), {"chapters": ["One"], "title": "A title"},
                 within=4)  # fmt: skip
    yield Sample("clips/sound.mkv", partial(make, sound=1), {"title": "A title"}, within=4)
    yield Sample("clips/uneven.mp4", partial(clips.make, times=clips.UNEVEN[:6], base=Fraction(1, 1000)), within=4)
    yield Sample("clips/turned.mp4", partial(make, turned=90), within=4)
    yield Sample("clips/full.mkv", partial(make, form="yuvj420p", tags={"color_range": 2}), {"range": 2}, within=4)
    yield Sample("clips/ten_bits.mkv", partial(make, form="yuv420p10le"), {"bits": 10}, within=4)
    hevc = {"size": (64, 96), "form": "yuv420p10le", "options": {"x265-params": "log-level=error"}}
    yield Sample("clips/pq.mkv", partial(make, codec="libx265", tags=PQ, **hevc),
                 {"bits": 10, "primaries": 9, "transfer": 16}, within=4)  # fmt: skip
    yield Sample("clips/vp9.webm", partial(make, codec="libvpx-vp9"), {"codec": "vp9"}, within=4)
    yield Sample("clips/fields.mkv", partial(make, options={"x264-params": "interlaced=1:tff=1"}),
                 refused="interlaced, two moments in each frame")  # fmt: skip
    for name, codec, form in test_transparency.CASES[1:5:2]:
        yield Sample(f"clips/clear_{codec}{name[1:]}", partial(test_transparency.make, codec=codec, form=form),
                     lost=("codec", "form", "bits") if codec == "qtrle" else (), within=8)  # fmt: skip
