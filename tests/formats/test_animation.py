"""What moves without being a clip: each frame, its time, and how often all is shown."""

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from sr import formats
from sr.formats import Unreadable, animation
from sr.formats.picture.profile import profile_of
from sr.inference.files import enlarge_file
from sr.inference.models import load
from sr.inference.pixels import Options
from tests.formats.picture.raw import chunk
from tests.formats.picture.samples import ICC

LOSSLESS = {".gif": {}, ".png": {}, ".webp": {"lossless": True, "exact": True}}


def pictures(n=4, clear=False) -> list[np.ndarray]:
    """A bright square that moves over 16 colours; `clear` around it, if so."""
    made = []
    for i in range(n):
        rgba = np.zeros((12, 16, 4), np.uint8)
        rgba[..., 0] = np.arange(16) // 4 * 60
        rgba[..., 1] = (np.arange(12) // 3 * 60)[:, None]
        rgba[..., 3] = 0 if clear else 255
        rgba[3:7, 2 * i : 2 * i + 4] = 250, 240, 20, 255
        made.append(rgba)
    return made


def make(path, durations=(100, 50, 200, 80), loop=0, clear=False, **more):
    images = [Image.fromarray(rgba) for rgba in pictures(len(durations), clear)]
    options = LOSSLESS[path.suffix] | ({} if loop is None else {"loop": loop}) | more
    if path.suffix == ".gif" and clear:
        options |= {"disposal": 2}
    images[0].save(path, save_all=True, append_images=images[1:], duration=list(durations), **options)
    return path


def read(path) -> tuple[animation.Animation, list[np.ndarray]]:
    with formats.open(path) as file:
        assert isinstance(file, animation.Animation)
        return file, list(file.frames())


def enlarged(source, suffix=None):
    target = source.with_name(f"b{suffix or source.suffix}")
    return target, enlarge_file(source, target, load("nearest", 2), Options())


@pytest.mark.parametrize("clear", [False, True])
@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_frames_times_and_transparency_are_kept(tmp_path, suffix, clear):
    target, said = enlarged(make(tmp_path / f"a{suffix}", clear=clear))
    assert said == "4 frames"
    made, frames = read(target)
    assert made.durations_ms == [100, 50, 200, 80]
    for before, after in zip(pictures(clear=clear), frames, strict=True):
        expected = before.repeat(2, 0).repeat(2, 1)
        assert np.array_equal(after[..., 3] >= 128, expected[..., 3] >= 128)  # it is enlarged softly
        assert set(np.unique(after[..., 3])) <= {0, 255} or suffix != ".gif"
        seen = expected[..., 3] > 0
        assert np.abs(after[seen][:, :3].astype(int) - expected[seen][:, :3]).max() <= (
            12 if suffix == ".gif" else 0
        )  # its palette


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
@pytest.mark.parametrize("loop", [0, 3])
def test_how_often_it_is_shown(tmp_path, suffix, loop):
    target, _ = enlarged(make(tmp_path / f"a{suffix}", loop=loop))
    assert read(target)[0].loop == loop


def test_what_is_shown_once_stays_so(tmp_path):
    target, _ = enlarged(make(tmp_path / "a.gif", loop=None))
    assert read(target)[0].loop is None
    for suffix in (".png", ".webp"):
        assert read(enlarged(tmp_path / "a.gif", suffix)[0])[0].loop == 1


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_what_it_says_of_itself(tmp_path, suffix):
    exif = Image.Exif()
    exif[271] = "a camera"
    source = make(tmp_path / f"a{suffix}", icc_profile=ICC, exif=exif.tobytes())
    target, said = enlarged(source)
    assert said == "4 frames"
    with Image.open(target) as made:
        assert made.info["icc_profile"] == ICC
        assert made.getexif()[271] == "a camera"
    assert enlarged(source, ".gif")[1] == "4 frames; not kept: ICC profile; not kept: EXIF"


def test_the_comment_of_a_gif(tmp_path):
    source = make(tmp_path / "a.gif", comment=b"by hand")
    with Image.open(enlarged(source)[0]) as made:
        assert made.info["comment"] == b"by hand"
    assert "not kept: comment" in enlarged(source, ".webp")[1]


def test_one_kind_becomes_another(tmp_path):
    source = make(tmp_path / "a.png", durations=(33.5, 33.5, 100, 50))
    for suffix in (".webp", ".gif"):
        target, _ = enlarged(source, suffix)
        made, frames = read(target)
        assert len(frames) == 4
        assert sum(made.durations_ms) == pytest.approx(217, abs=20 if suffix == ".gif" else 2)  # in hundredths


def test_still_images_are_none(tmp_path):
    Image.fromarray(pictures()[0]).save(tmp_path / "a.png")
    Image.fromarray(pictures()[0]).save(tmp_path / "a.webp")
    for name in ("a.png", "a.webp"):
        assert not formats.open(tmp_path / name).moves
    for name in ("c.png", "c.webp"):
        assert formats.open(make(tmp_path / name)).moves


def test_damaged_and_too_large_ones_are_named(tmp_path, monkeypatch):
    (tmp_path / "a.gif").write_bytes(b"GIF89a nothing")
    with pytest.raises(Unreadable, match=r"a\.gif: cannot be decoded"):
        read(tmp_path / "a.gif")
    make(tmp_path / "b.gif")
    monkeypatch.setattr("sr.formats.picture.limits.LARGEST_PX", 12 * 16 * 4 - 1)
    with pytest.raises(Unreadable, match=r"b\.gif: .* megapixels"):
        read(tmp_path / "b.gif")


def test_a_failing_write_leaves_the_old_file(tmp_path, monkeypatch):
    made, frames = read(make(tmp_path / "a.gif"))
    (tmp_path / "b.gif").write_bytes(b"the old one")

    def save(self, file, **_):
        file.write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(KeyboardInterrupt):
        animation.write(tmp_path / "b.gif", frames, made.durations_ms, made.loop)
    assert (tmp_path / "b.gif").read_bytes() == b"the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gif", "b.gif"]


def test_what_pillow_does_not_write_of_an_animation_is_told(tmp_path):
    levels = np.random.default_rng(0).integers(0, 1023, (3, 32, 32, 3)).astype(np.uint16)
    (tmp_path / "a.avif").write_bytes(imagecodecs.avif_encode(levels, 90, bitspersample=10, primaries=9, transfer=16))
    told = enlarge_file(tmp_path / "a.avif", tmp_path / "b.avif", load("nearest", 2), Options())
    assert "not kept: 10 bits (8 are read and written)" in told
    assert "not kept: primaries 9 and transfer function 16 of H.273" in told
    with Image.open(tmp_path / "b.avif") as made:
        assert "icc_profile" not in made.info  # for none can say PQ
    (tmp_path / "p3.avif").write_bytes(
        imagecodecs.avif_encode((levels >> 2).astype(np.uint8), primaries=12, transfer=13)
    )
    assert "not kept" not in enlarge_file(tmp_path / "p3.avif", tmp_path / "c.avif", load("nearest", 2), Options())
    with Image.open(tmp_path / "c.avif") as made:
        assert made.info["icc_profile"] == profile_of((12, 13), gray=False)
    make(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[:33] + chunk(b"gAMA", b"\0\1\x86\xa0") + data[33:])
    told = enlarge_file(tmp_path / "a.png", tmp_path / "b.png", load("nearest", 2), Options())
    assert "not kept: chunk gAMA" in told
