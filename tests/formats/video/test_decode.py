import io
from fractions import Fraction

import numpy as np
import pytest

from sr import formats

av = pytest.importorskip("av")

from tests.formats.video.clips import UNEVEN, about, decoded, enlarged, make, means, packets, seconds  # noqa: E402


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


def mpeg2(count, mode="prog", first=0, size=(64, 96), g="12") -> bytes:
    """An elementary stream of count frames, progressive or with their top or bottom field first."""
    graph, more = av.filter.Graph(), {} if mode == "prog" else {"flags": "+ildct+ilme"}
    chain = [graph.add_buffer(width=size[1], height=size[0], format="yuv420p", time_base=Fraction(1, 25)),
             graph.add("setfield", mode), graph.add("buffersink")]  # fmt: skip
    chain[0].link_to(chain[1])
    chain[1].link_to(chain[2])
    graph.configure()
    with io.BytesIO() as made:
        with av.open(made, "w", format="mpeg2video") as file:
            stream = file.add_stream("mpeg2video", rate=25, options={"g": g} | more)
            stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
            for i in range(count):
                rgb = av.VideoFrame.from_ndarray(np.full((*size, 3), 10 * (first + i), np.uint8), format="rgb24")
                frame = rgb.reformat(format="yuv420p")
                frame.pts, frame.time_base = i, Fraction(1, 25)
                graph.push(frame)
                file.mux(stream.encode(graph.pull()))
            file.mux(stream.encode(None))
        return made.getvalue()


def fields(kinds) -> bytes:
    """Pictures of 32 lines, made fields of frames, 1 top and 2 bottom: a stream that FFmpeg's encoder cannot make."""
    data, at, fields = bytearray(mpeg2(len(kinds), first=9, size=(32, 96), g="1")), 0, iter(kinds)
    while (at := data.find(b"\0\0\1\xb3", at)) >= 0:  # sequence header, ISO/IEC 13818-2, 6.2.2.1
        data[at + 5], data[at + 6] = data[at + 5] & 0xF0, 64  # lines
        at += 4
    at = 0
    while (at := data.find(b"\0\0\1\xb5", at)) >= 0:
        if data[at + 4] >> 4 == 1:  # sequence extension: not progressive
            data[at + 5] &= ~8
        if data[at + 4] >> 4 == 8:  # picture coding extension: top field, bottom field
            data[at + 6] = data[at + 6] & 0xFC | next(fields)
            data[at + 7] &= 0x3E
            data[at + 8] &= 0x7F
        at += 4
    return bytes(data)


def muxed(path, data: bytes):
    with av.open(io.BytesIO(data), format="mpegvideo") as source, av.open(path, "w") as file:
        stream = file.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                file.mux(packet)
    return path


@pytest.mark.parametrize("suffix", [".mpg", ".ts"])
def test_interlaced_in_the_middle_is_told(tmp_path, suffix):
    source = muxed(tmp_path / f"a{suffix}", mpeg2(8) + mpeg2(4, "tff", 8) + mpeg2(4, "bff", 12))
    target, said = enlarged(source)
    assert len(decoded(target)) == len(decoded(source)) == 16
    assert "8 interlaced ones, two moments in each, enlarged as they are" in said


def test_two_frames_at_one_time_are_one(tmp_path):
    """Of fields that do not belong together FFmpeg makes two frames of one packet."""
    source = muxed(tmp_path / "a.mpg", mpeg2(8) + fields([1, 2] * 4))
    times = [frame.pts for frame in decoded(source)]
    assert len(times) > len(set(times))
    target, _ = enlarged(source)
    assert len(decoded(target)) == len(packets(source, "video")[0]) == 9
