import io
import shutil
import subprocess

import pytest
from PIL import Image

av = pytest.importorskip("av")

from tests.formats.video.clips import about, enlarged, make, packets  # noqa: E402


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


def test_a_cover_stays_one(tmp_path):
    """Matroska has it as a file attached; as a stream it would be a second film."""
    data = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 30, 20)).save(data, "JPEG")
    plain, source = make(tmp_path / "plain.mkv"), tmp_path / "a.mkv"
    with av.open(plain) as clip, av.open(source, "w") as file:
        stream = file.add_stream_from_template(clip.streams.video[0])
        file.add_attachment("cover.jpg", "image/jpeg", data.getvalue())
        for packet in clip.demux():
            if packet.size:
                packet.stream = stream
                file.mux(packet)
    target, said = enlarged(source)
    assert "not kept" not in said
    for path in (source, target):
        with av.open(path) as file:
            films = [s for s in file.streams.video if "attached_pic" not in repr(s.disposition)]
            covers = [s for s in file.streams.video if s not in films]
            assert (len(films), len(covers)) == (1, 1)
            assert covers[0].metadata["filename"] == "cover.jpg"
            assert bytes(next(p for p in file.demux(covers[0]) if p.size)) == data.getvalue()
