import os
from pathlib import Path

import numpy as np
import pytest

from sr import formats
from sr.errors import UserError
from sr.inference.files import enlarge_file
from sr.inference.models import load
from sr.inference.pixels import Options

av = pytest.importorskip("av")

from tests.formats.video.clips import decoded, enlarged, make, means, seconds  # noqa: E402


def test_mp4_cut_short(tmp_path):
    source = make(tmp_path / "a.mp4")
    source.write_bytes(source.read_bytes()[:-300])  # its table of contents is at the end
    with pytest.raises(formats.Unreadable, match=r"a\.mp4: no clip that can be read"):
        enlarged(source)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_interlaced_is_refused(tmp_path):
    source = make(tmp_path / "a.mkv", options={"x264-params": "interlaced=1:tff=1"})
    with pytest.raises(formats.Unreadable, match=r"interlaced, .* deinterlace it first"):
        enlarged(source)


def test_what_is_no_clip_is_refused(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no clip" * 100)
    (tmp_path / "b.mp4").write_bytes(b"")
    with av.open(tmp_path / "c.mp4", "w") as file:
        sound = file.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        file.mux(sound.encode(frame))
        file.mux(sound.encode(None))
    for name, message in (("a", "no clip that can be read"), ("b", "no clip"), ("c", "holds no moving pictures")):
        with pytest.raises(formats.Unreadable, match=message):
            enlarged(tmp_path / f"{name}.mp4")
    with pytest.raises(UserError, match=r"d\.mp4: no such file"):
        formats.open(tmp_path / "d.mp4")


@pytest.mark.parametrize(("error", "told"), [(KeyboardInterrupt, KeyboardInterrupt), (MemoryError, MemoryError),
                                             (RuntimeError, UserError)])  # fmt: skip
def test_stopped_in_the_middle_nothing_is_left(tmp_path, error, told):
    source = make(tmp_path / "a.mp4", sound=1)
    enlarger = load("nearest", 2)
    (tmp_path / "b.mp4").write_bytes(b"the old one")
    calls, run = [], enlarger.run

    def stopping(lr):
        calls.append(lr)
        if len(calls) == 6:
            raise error("stop")
        return run(lr)

    enlarger.run = stopping
    with pytest.raises(told):
        enlarge_file(source, tmp_path / "b.mp4", enlarger, Options())
    assert len(calls) == 6
    assert (tmp_path / "b.mp4").read_bytes() == b"the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]
    if Path("/proc/self/fd").exists():
        opened = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if fd.isdigit()
                  and os.path.exists(f"/proc/self/fd/{fd}")]  # fmt: skip
        assert not [name for name in opened if str(tmp_path) in name]


@pytest.mark.parametrize("name", ["car-detection_first200.mp4", "one-by-one-person_first250.mp4",
                                  "vtest_pets2009_first150.avi"])  # fmt: skip
def test_the_first_frames_of_real_clips(benchmarks, name):
    path = benchmarks.parent / "video" / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    clip = formats.open(path)
    assert len(clip.times) == int(name.rsplit("first")[1].split(".")[0])
    for expected, pixels in zip(clip.times[:5], clip.frames(), strict=False):
        time, frame = clip.pending[-1]
        assert time == expected
        assert pixels.shape == (clip.height, clip.width, 3)
        reference = frame.to_ndarray(format="rgb24").astype(int)
        assert np.abs(pixels - reference).mean() < 1.5
    assert not clip.damaged


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_whole_real_clip(benchmarks, tmp_path, suffix):
    path = next(iter(sorted((benchmarks.parent / "video").glob(f"*{suffix}"))), None)
    if path is None:
        pytest.skip(f"no {suffix} in {benchmarks.parent / 'video'}")
    target = tmp_path / f"a{suffix}"
    enlarge_file(path, target, load("nearest", 1), Options())  # decoding and coding are what is looked at
    assert seconds(target) == pytest.approx(seconds(path), abs=1e-3)
    for one, other in list(zip(decoded(path), decoded(target), strict=True))[::25]:
        assert np.abs(means(one) - means(other)).max() < 0.3
