"""Clips with transparency keep it, read back by FFmpeg's decoders; where a container cannot hold it, that is told."""

from fractions import Fraction

import numpy as np
import pytest

av = pytest.importorskip("av")

from sr.inference.pixels import Options  # noqa: E402
from tests.formats.video.clips import enlarged  # noqa: E402

CASES = [("a.webm", "libvpx", "yuva420p"), ("a.webm", "libvpx-vp9", "yuva420p"),
         ("a.mov", "prores_ks", "yuva444p10le"), ("a.mov", "qtrle", "argb"), ("a.mov", "png", "rgba"),
         ("a.mkv", "ffv1", "bgra"), ("a.avi", "ffv1", "yuva444p")]  # fmt: skip
RED = (200, 30, 20)


def shape(i, size=(64, 96)) -> np.ndarray:
    """A red disc that moves to the right and gets fainter, over green that is not seen."""
    y, x = np.mgrid[: size[0], : size[1]]
    inside = (x - 30 - 3 * i) ** 2 + (y - 32) ** 2 < 400
    return np.where(inside[..., None], [*RED, 255 - 20 * i], [0, 255, 0, 0]).astype(np.uint8)


def make(path, codec, form, count=3):
    options = {"auto-alt-ref": "0", "crf": "4", "b": "2000000"} if codec == "libvpx" else {}
    options |= {"profile": "4444"} if codec == "prores_ks" else {}
    with av.open(path, "w") as file:
        stream = file.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = 64, 96, form
        for i in range(count):
            frame = av.VideoFrame.from_ndarray(shape(i), format="rgba").reformat(format=form)
            frame.pts, frame.time_base = i, Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def rgba_of(path) -> list[np.ndarray]:
    """Frames, by libvpx where FFmpeg's own decoder would leave transparency out."""
    with av.open(path) as file:
        stream = file.streams.video[0]
        decoder, name = stream.codec_context, stream.codec_context.name
        if name in ("vp8", "vp9"):
            decoder = av.CodecContext.create({"vp8": "libvpx", "vp9": "libvpx-vp9"}[name], "r")
        return [frame.to_ndarray(format="rgba") for packet in file.demux(stream) for frame in decoder.decode(packet)]


@pytest.mark.parametrize(("name", "codec", "form"), CASES)
def test_transparency_of_clips_is_kept(tmp_path, name, codec, form):
    source = make(tmp_path / name, codec, form)
    target, said = enlarged(source)
    assert "not kept" not in said
    made, before = rgba_of(target), rgba_of(source)
    assert len(made) == len(before) == 3
    for i, (new, old) in enumerate(zip(made, before, strict=True)):
        expected = old.repeat(2, 0).repeat(2, 1).astype(int)
        assert np.abs(new[..., 3] - expected[..., 3]).mean() < 4
        inside = shape(i).repeat(2, 0).repeat(2, 1)[..., 3] > 0
        assert np.abs(new[inside][:, 3].mean() - (255 - 20 * i)) < 8
        assert np.abs(np.median(new[inside][:, :3], 0) - RED).max() < 12


@pytest.mark.parametrize(("suffix", "kept"), [(".mov", True), (".mkv", True), (".mp4", False), (".avi", True)])
def test_into_another_container(tmp_path, suffix, kept):
    source = make(tmp_path / "a.webm", "libvpx-vp9", "yuva420p")
    target, said = enlarged(source, suffix)
    assert ("transparency, which .mp4 cannot store; a .webm, .mkv or .mov can" in said) == (not kept)
    assert bool((rgba_of(target)[0][..., 3] < 100).any()) == kept
    with av.open(target) as file:
        assert kept or "alpha_mode" not in file.streams.video[0].metadata


def test_an_odd_size(tmp_path):
    target, _ = enlarged(make(tmp_path / "a.webm", "libvpx-vp9", "yuva420p"), options=Options(fit_px=(141, 200)))
    assert rgba_of(target)[0].shape == (94, 141, 4)


def test_all_bits_are_kept_with_it(tmp_path):
    target, _ = enlarged(make(tmp_path / "a.mov", "prores_ks", "yuva444p10le"))
    with av.open(target) as file:
        assert file.streams.video[0].codec_context.name == "prores"
        assert file.streams.video[0].codec_context.pix_fmt.startswith("yuva444p1")
