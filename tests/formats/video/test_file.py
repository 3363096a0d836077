"""Clips that PyAV makes, enlarged by a rule whose answer is known; times, sound and colours are read back."""

import os
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from sr import formats
from sr.errors import UserError
from sr.inference.files import enlarge_file
from sr.inference.models import load
from sr.inference.pixels import Options

av = pytest.importorskip("av")

RATE, COUNT = 25, 12


def picture(i: int, height: int, width: int, depth: int = 8) -> np.ndarray:
    """Soft, so that coding changes little, and another one at each time: brighter, and redder.

    Its colours are the same on the left and on the right, for chroma is stored half a pixel to the left.
    """
    y, x = np.mgrid[:height, :width] / max(height, width)
    gray, bump = 0.2 + 0.1 * x + 0.1 * y + 0.02 * (i % 20), 0.1 * np.sin(np.pi * x) ** 2
    rgb = np.stack([gray + bump + 0.005 * i, gray, gray - bump], 2)
    return (rgb * (2**depth - 1)).astype(np.uint8 if depth == 8 else np.uint16)


def make(path, codec="libx264", size=(32, 48), form="yuv420p", times=range(COUNT), base=Fraction(1, RATE), **more):
    """A clip, with sound where `sound` tells how many streams of it; returns its path."""
    options = more.get("options", {"crf": "4", "bf": "2"} if codec == "libx264" else {})
    with av.open(path, "w") as file:
        stream = file.add_stream(codec, rate=more.get("rate", RATE), options=options)
        stream.height, stream.width, stream.pix_fmt = *size, form
        stream.time_base = stream.codec_context.time_base = base
        for tag, value in more.get("tags", {}).items():
            setattr(stream.codec_context, tag, value)
        if "turned" in more:
            stream.set_display_rotation(more["turned"])
        sounds = [file.add_stream("aac", rate=8000, layout="mono") for _ in range(more.get("sound", 0))]
        file.metadata["title"] = "A title"
        if more.get("chapters"):
            file.set_chapters([{"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000),
                                "metadata": {"title": "One"}}])  # fmt: skip
        for i, time in enumerate(times):
            depth = 16 if "10" in form else 8
            rgb = av.VideoFrame.from_ndarray(picture(i, *size, depth), format="rgb24" if depth == 8 else "rgb48le")
            full = more.get("tags", {}).get("color_range") == 2
            frame = rgb.reformat(format=form, dst_color_range="JPEG" if full else "MPEG", src_color_range="JPEG")
            if full:
                frame.color_range = 2
            frame.pts, frame.time_base = time, base
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        for number, sound in enumerate(sounds):
            wave = np.sin(np.arange(4000) * 0.1 * (number + 1)).astype(np.float32)[None]
            for start in range(0, 4000, 1000):
                frame = av.AudioFrame.from_ndarray(wave[:, start : start + 1000], format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = 8000, start, Fraction(1, 8000)
                file.mux(sound.encode(frame))
            file.mux(sound.encode(None))
    return path


def enlarged(source, suffix=None, kind="nearest", options=None) -> tuple[Path, str]:
    target = source.with_name(f"{source.stem}_x2{suffix or source.suffix}")
    return target, enlarge_file(source, target, load(kind, 2), options or Options())


def decoded(path) -> list:
    with av.open(path) as file:
        return list(file.decode(video=0))


def seconds(path) -> list[float]:
    return [float(frame.pts * frame.time_base) for frame in decoded(path)]


def packets(path, kind) -> list[list[bytes]]:
    """Of each stream of a kind."""
    with av.open(path) as file:
        found = {stream.index: [] for stream in file.streams if stream.type == kind}
        for packet in file.demux():
            if packet.stream.index in found and packet.size:
                found[packet.stream.index].append(bytes(packet))
    return list(found.values())


def means(frame) -> np.ndarray:
    """Of each plane as stored, in levels of 8 bits: no conversion of ours or of FFmpeg's comes in between."""
    deep = frame.format.components[0].bits > 8
    values = []
    for plane in frame.planes:
        line = np.frombuffer(plane, np.uint16 if deep else np.uint8).reshape(plane.height, -1)[:, : plane.width]
        values.append(line.mean() / (4 if deep else 1))
    return np.array(values)


def about(path) -> dict:
    with av.open(path) as file:
        stream = file.streams.video[0]
        context = stream.codec_context
        return {"codec": context.name, "form": context.pix_fmt, "size": (context.height, context.width),
                "range": context.color_range, "space": context.colorspace, "ratio": stream.sample_aspect_ratio,
                "length": (file.duration or 0) / 1e6, "rate": stream.average_rate}  # fmt: skip


# --- times ------------------------------------------------------------------------------------------------------------


UNEVEN = [0, 40, 55, 120, 160, 161, 200, 300, 310, 480, 500, 540]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("start", [0, 1500])
def test_every_frame_is_at_its_time(tmp_path, suffix, start):
    source = make(tmp_path / f"a{suffix}", times=[start + t for t in UNEVEN], base=Fraction(1, 1000))
    with av.open(source) as file:
        assert file.streams.video[0].codec_context.has_b_frames  # or the order of frames would not be tested
    target, said = enlarged(source)
    assert said.startswith("12 frames,")
    assert "damaged" not in said
    assert seconds(target) == pytest.approx(seconds(source), abs=1e-4)
    assert seconds(target)[0] == pytest.approx(start / 1000, abs=1e-4)
    assert about(target)["length"] == pytest.approx(about(source)["length"], abs=0.04)
    for before, after in zip(decoded(source), decoded(target), strict=True):  # and it is that frame
        assert np.abs(means(before)[0] - means(after)[0]) < 0.6


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [(".ts", "libx264"), (".webm", "libvpx-vp9"), (".avi", "mpeg4"), (".flv", "libx264"), (".mpg", "mpeg2video"),
     (".mkv", "ffv1"), (".mp4", "libx265"), (".wmv", "wmv2"), (".m4v", "libx264"), (".3gp", "libx264")],
)  # fmt: skip
def test_every_container_keeps_count_and_pace(tmp_path, suffix, codec):
    options = {"x265-params": "log-level=error"} if codec == "libx265" else {}
    size = (64, 96) if codec == "libx265" else (32, 48)  # libx265 breaks its memory on smaller ones
    source = make(tmp_path / f"a{suffix}", codec, size=size, options=options)
    target, said = enlarged(source)
    assert said.startswith("12 frames,")
    assert np.diff(seconds(target)) == pytest.approx(np.diff(seconds(source)), abs=2e-3)
    assert about(target)["size"] == (2 * size[0], 2 * size[1])
    assert abs(seconds(target)[0] - seconds(source)[0]) < 0.1  # where a container begins is its own matter


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_frames_out_of_order_in_a_container_that_knows_no_times(tmp_path, codec):
    source = make(tmp_path / "a.avi", codec, options={"bf": "2"}, times=range(20))
    with av.open(source) as file:
        assert file.streams.video[0].codec_context.has_b_frames
    target, said = enlarged(source, ".mkv")
    assert said.startswith("20 frames,")
    assert "damaged" not in said
    assert np.diff(seconds(target)) == pytest.approx([0.04] * 19, abs=2e-3)
    brightness = [means(frame)[0] for frame in decoded(target)]
    assert (np.diff(brightness) > 0).all()  # in the order in which they are shown


# --- what else is in the file -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_is_copied_byte_by_byte(tmp_path, suffix):
    source = make(tmp_path / f"a{suffix}", sound=2, chapters=True)
    target, said = enlarged(source)
    before = packets(source, "audio")
    assert len(before) == 2
    assert before[0] != before[1]
    assert packets(target, "audio") == before
    assert "not kept" not in said
    with av.open(target) as file:
        assert file.metadata["title"] == "A title"
        assert [chapter["metadata"]["title"] for chapter in file.chapters()] == ["One"]
    assert about(target)["length"] == pytest.approx(about(source)["length"], abs=0.04)


def test_subtitles_and_languages_are_kept(tmp_path):
    (tmp_path / "a.srt").write_text(
        "1\n00:00:00,040 --> 00:00:00,200\nHello\n\n2\n00:00:00,240 --> 00:00:00,400\nYou\n"
    )
    plain = make(tmp_path / "plain.mkv", sound=1)
    source = tmp_path / "a.mkv"
    with av.open(plain) as clip, av.open(tmp_path / "a.srt") as texts, av.open(source, "w") as file:
        streams = {("clip", s.index): file.add_stream_from_template(s) for s in clip.streams}
        streams["texts", 0] = file.add_stream_from_template(texts.streams[0])
        streams["texts", 0].metadata["language"] = "deu"
        for name, given in (("texts", texts), ("clip", clip)):
            for packet in given.demux():
                if packet.size:
                    packet.stream = streams[name, packet.stream.index]
                    file.mux(packet)
    target, _ = enlarged(source)
    assert packets(target, "subtitle") == packets(source, "subtitle") == [[b"Hello", b"You"]]
    with av.open(target) as file:
        assert file.streams.subtitles[0].metadata["language"] == "deu"
    target, said = enlarged(source, ".webm")  # which takes neither
    assert "not kept: stream 1 (audio" in said
    assert "not kept: stream 2 (subtitle" in said


@pytest.mark.skipif(not shutil.which("ffprobe"), reason="ffprobe is not installed")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi", ".ts"])
def test_ffprobe_finds_nothing_wrong(tmp_path, suffix):
    source = make(tmp_path / "a.mp4")
    target, _ = enlarged(source, suffix)
    command = ["ffprobe", "-v", "warning", "-count_frames", "-select_streams", "v", "-show_entries",
               "stream=nb_read_frames", "-of", "csv=p=0", str(target)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.strip().strip(",").split()[0] == "12"


# --- colours ----------------------------------------------------------------------------------------------------------


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
        # swscale cuts the chroma of full range instead of rounding it
        assert np.abs(means(one) - means(other)).max() / scale < (0.7 if tags.get("color_range") == 2 else 0.3)
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


# --- sizes and shapes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scale", "size"), [(1.5, (48, 72)), (1.04, (33, 50)), (1.1, (35, 53))])
def test_sizes_that_are_odd(tmp_path, scale, size):
    source = make(tmp_path / "a.mp4")
    target, _ = enlarged(source, options=Options(scale=scale))
    assert about(target)["size"] == size
    assert about(target)["form"] == ("yuv444p" if size[0] % 2 or size[1] % 2 else "yuv420p")
    assert len(decoded(target)) == 12


def test_an_odd_clip(tmp_path):
    source = make(tmp_path / "a.mp4", size=(33, 47), form="yuv444p")
    target, _ = enlarged(source)
    assert about(target)["size"] == (66, 94)
    assert about(target)["form"] == "yuv444p"


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


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9"])
def test_pixels_that_are_not_square(tmp_path, codec):
    source = make(tmp_path / "a.mp4", codec, tags={"sample_aspect_ratio": Fraction(4, 3)})
    assert about(source)["ratio"] == Fraction(4, 3)
    for suffix in (".mp4", ".mkv"):
        assert about(enlarged(source, suffix)[0])["ratio"] == Fraction(4, 3)


# --- damage -----------------------------------------------------------------------------------------------------------


def damage(path, numbers) -> None:
    """Noise in place of what packets hold."""
    with av.open(path) as file:
        found = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]
    data, random = bytearray(path.read_bytes()), np.random.default_rng(0)
    for number in numbers:
        at, size = found[number]
        data[at + 4 : at + size] = random.bytes(size - 4)
    path.write_bytes(data)


@pytest.mark.parametrize("number", [0, 5, 11])
@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "libx264"), (".avi", "mpeg4")])
def test_a_damaged_frame_is_replaced_by_its_neighbour(tmp_path, suffix, codec, number):
    source = make(tmp_path / f"a{suffix}", codec, options={"g": "1", "bf": "0"})  # none hangs on another
    times, sound = seconds(source), decoded(source)
    damage(source, [number])
    target, said = enlarged(source)
    assert f"1 damaged ones replaced by their neighbours (at {times[number]:.2f} s)" in said
    assert seconds(target) == pytest.approx(times, abs=1e-4)
    neighbour = max(number - 1, 0) if number else 1
    made = decoded(target)
    for i, frame in enumerate(made):
        like = sound[neighbour if i == number else i]
        assert abs(means(frame)[0] - means(like)[0]) < 0.8


def test_all_that_hangs_on_a_damaged_frame_is_counted(tmp_path):
    source = make(tmp_path / "a.mp4", options={"g": "6", "bf": "2", "crf": "4"}, times=range(18))
    damage(source, [0])
    target, said = enlarged(source)
    assert said.startswith("18 frames,")
    assert len(decoded(target)) == 18
    assert "damaged ones replaced by their neighbours (at 0.00, 0.04," in said


def test_nothing_but_damage_is_refused(tmp_path):
    source = make(tmp_path / "a.mp4", options={"g": "1", "bf": "0"})
    damage(source, range(12))
    with pytest.raises(formats.Unreadable, match=r"a\.mp4: "):
        enlarged(source)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("suffix", [".mkv", ".ts"])
def test_a_clip_cut_short_gives_what_is_there(tmp_path, suffix):
    source = make(tmp_path / f"a{suffix}", times=range(50))
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 6 // 10])
    target, said = enlarged(source)
    n = len(decoded(source))
    assert 10 < n < 45
    assert len(decoded(target)) == n
    if suffix == ".mkv":  # which says how long it was
        assert "it was cut short" in said


def test_mp4_cut_short(tmp_path):
    source = make(tmp_path / "a.mp4")
    source.write_bytes(source.read_bytes()[:-300])  # its table of contents is at the end
    with pytest.raises(formats.Unreadable, match=r"a\.mp4: no clip that can be read"):
        enlarged(source)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


# --- what is refused --------------------------------------------------------------------------------------------------


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


def test_a_container_that_cannot_hold_it_is_refused_in_one_sentence(tmp_path):
    source = make(tmp_path / "a.mkv", form="yuv420p10le")
    with pytest.raises(UserError, match=r"a_x2\.mpg: no encoder at hand .* 10 bits.*; name an \.mkv with -o") as told:
        enlarged(source, ".mpg")
    assert "\n" not in str(told.value)
    uneven = make(tmp_path / "b.mkv", times=UNEVEN, base=Fraction(1, 1000))
    with pytest.raises(UserError, match=r"b_x2\.mpg: no encoder at hand"):  # MPEG-2 has a fixed pace
        enlarged(uneven, ".mpg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv", "b.mkv"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, MemoryError])
def test_stopped_in_the_middle_nothing_is_left(tmp_path, error):
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
    with pytest.raises(error):
        enlarge_file(source, tmp_path / "b.mp4", enlarger, Options())
    assert len(calls) == 6
    assert (tmp_path / "b.mp4").read_bytes() == b"the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]
    if Path("/proc/self/fd").exists():
        opened = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if fd.isdigit()
                  and os.path.exists(f"/proc/self/fd/{fd}")]  # fmt: skip
        assert not [name for name in opened if str(tmp_path) in name]


# --- real ones --------------------------------------------------------------------------------------------------------


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
