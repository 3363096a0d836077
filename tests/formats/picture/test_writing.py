import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import get_sampling

from tests.formats.picture.samples import shifted
from tests.pictures import read, write

LOSSLESS = {(suffix, n) for suffix in (".png", ".webp", ".tif", ".tiff", ".bmp", ".PNG") for n in (1, 3, 4)}
LOSSLESS -= {(".bmp", 4)}  # which holds no transparency


@pytest.mark.parametrize(("suffix", "channels"), sorted(LOSSLESS))
def test_lossless_formats_give_back_every_pixel(tmp_path, rgb, suffix, channels):
    pixels = shifted(rgb, channels)
    write(tmp_path / f"a{suffix}", pixels)
    back = read(tmp_path / f"a{suffix}")
    expected = np.repeat(pixels, 3, 2) if channels == 1 and suffix == ".webp" else pixels  # WebP knows no gray
    assert back.dtype == np.uint8
    assert np.array_equal(back, expected)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_comes_close(tmp_path, rgb, suffix, channels):
    pixels = rgb[..., :channels]
    write(tmp_path / f"a{suffix}", pixels)
    back = read(tmp_path / f"a{suffix}")
    assert back.shape == pixels.shape
    assert np.abs(back.astype(int) - pixels).mean() < 3
    if channels == 3:
        assert get_sampling(Image.open(tmp_path / f"a{suffix}")) == 0  # 4:4:4, colour at full resolution


def test_writing_makes_the_folder_and_leaves_nothing_else(tmp_path, rgb):
    write(tmp_path / "new" / "a.png", rgb)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]
    assert (tmp_path / "new" / "a.png").stat().st_mode & 0o777 == 0o644


def test_a_failing_write_leaves_nothing_and_harms_nothing(tmp_path, rgb):
    too_wide = np.zeros((1, 16384, 3), np.uint8)  # for WebP, whose limit is 16383 pixels
    with pytest.raises(ValueError, match="16383"):
        write(tmp_path / "a.webp", too_wide)
    assert not list(tmp_path.iterdir())
    write(tmp_path / "a.webp", rgb)
    with pytest.raises(ValueError, match="16383"):
        write(tmp_path / "a.webp", too_wide)
    assert np.array_equal(read(tmp_path / "a.webp"), rgb)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_write_cut_short_leaves_the_old_file(tmp_path, rgb, monkeypatch):
    write(tmp_path / "a.png", rgb)

    def save(self, file, **_):
        file.write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a.png", np.zeros_like(rgb))
    assert np.array_equal(read(tmp_path / "a.png"), rgb)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".bmp"])
def test_alpha_is_refused_where_it_would_be_lost(tmp_path, rgb, suffix):
    with pytest.raises(ValueError, match=r"holds no transparency; write a \.png or \.webp"):
        write(tmp_path / f"a{suffix}", shifted(rgb, 4))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.gif", "a.jp2", "a"])
def test_formats_we_do_not_write_are_refused(tmp_path, rgb, name):
    with pytest.raises(ValueError, match=r"cannot write .* use one of .*\.png"):
        write(tmp_path / name, rgb)


@pytest.mark.parametrize(
    ("name", "dtype", "channels", "message"),
    [
        ("a.jpg", np.uint16, 3, r"\.jpg holds no 3 channels of uint16; write a \.tif or \.png"),
        ("a.png", np.float32, 3, r"\.png holds no 3 channels of float32; write a \.tif$"),
        ("a.webp", np.uint8, 7, r"\.webp holds no 7 channels of uint8; write a \.tif$"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(tmp_path, name, dtype, channels, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / name, np.zeros((8, 8, channels), dtype))
    assert not list(tmp_path.iterdir())
