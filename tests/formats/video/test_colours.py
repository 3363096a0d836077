from fractions import Fraction

import numpy as np
import pytest

av = pytest.importorskip("av")

from tests.formats.video.clips import about, decoded, enlarged, make, means  # noqa: E402


@pytest.mark.parametrize(
    ("codec", "form", "tags"),
    [
        ("libx264", "yuv420p", {}),
        ("libx264", "yuv420p", {"color_range": 1, "colorspace": 1, "color_primaries": 1, "color_trc": 1}),
        ("libx264", "yuvj420p", {"color_range": 2}),
        ("libx264", "yuv444p", {"color_range": 2, "colorspace": 6}),
        ("libx264", "yuv420p10le", {"color_range": 1}),
        ("libx264", "gray", {}),
        ("libx265", "yuv420p10le", {"color_range": 1, "colorspace": 9, "color_primaries": 9, "color_trc": 16}),
        ("libvpx-vp9", "yuv422p", {}),
        ("ffv1", "yuv444p16le", {}),
    ],
)
def test_colours_stay_as_they_are(tmp_path, codec, form, tags):
    options = {"crf": "4"} if codec == "libx264" else {"x265-params": "log-level=error"} if codec == "libx265" else {}
    source = make(tmp_path / "a.mkv", codec, size=(64, 96), form=form, tags=tags, options=options)
    target, _ = enlarged(source)
    before, after = about(source), about(target)
    for name in ("codec", "form", "range", "space"):
        assert after[name] == before[name], name
    scale = 64 if form.endswith("16le") else 1  # means count 10 bits
    for one, other in zip(decoded(source), decoded(target), strict=True):
        # swscale cuts the chroma of full range instead of rounding it: up to one level
        assert np.abs(means(one) - means(other)).max() / scale < (1.0 if tags.get("color_range") == 2 else 0.3)
    if tags.get("color_trc"):
        with av.open(target) as file:
            context = file.streams.video[0].codec_context
            assert (context.color_primaries, context.color_trc) == (tags["color_primaries"], tags["color_trc"])


def test_rgb_that_becomes_yuv_says_so(tmp_path):
    source = make(tmp_path / "a.mkv", "libx264rgb", form="rgb24", options={"crf": "4"})
    target, _ = enlarged(source)
    assert about(source)["space"] == 0  # RGB
    assert about(target)["space"] == 6
    one, other = (
        np.mean([f.to_ndarray(format="rgb24") for f in decoded(path)], (0, 1, 2)) for path in (source, target)
    )
    assert np.abs(one - other).max() < 2  # FFmpeg cuts what it makes of YUV


def test_full_range_becomes_limited_where_the_codec_cannot_tell(tmp_path):
    source = make(tmp_path / "a.mkv", form="yuvj420p", tags={"color_range": 2})
    target, _ = enlarged(source, ".avi")
    limited = means(decoded(source)[0])[0] * 219 / 255 + 16
    assert means(decoded(target)[0])[0] == pytest.approx(limited, abs=0.6)


@pytest.mark.parametrize("turned", [90, 180, -90])
def test_a_turned_clip_comes_out_upright(tmp_path, turned):
    probe = av.open(tmp_path / "probe.mp4", "w")
    can = hasattr(probe.add_stream("libx264"), "set_display_rotation")
    if not can:
        pytest.skip("this PyAV turns no clip")
    ratio = {"sample_aspect_ratio": Fraction(4, 3)}
    source = make(tmp_path / "a.mp4", turned=turned, tags=ratio)
    assert decoded(source)[0].rotation % 360 == turned % 360
    target, _ = enlarged(source)
    after = decoded(target)[0]
    assert after.rotation == 0
    assert (after.height, after.width) == ((64, 96) if turned == 180 else (96, 64))
    assert about(target)["ratio"] == (Fraction(4, 3) if turned == 180 else Fraction(3, 4))  # of a pixel, turned too
    upright = np.rot90(decoded(source)[0].to_ndarray(format="rgb24"), turned // 90 % 4)
    made = after.to_ndarray(format="rgb24")
    assert np.abs(made[::2, ::2].astype(int) - upright).mean() < 2
    assert np.abs(made[::-2, ::-2].astype(int) - upright).mean() > 10  # the other way round would be told
