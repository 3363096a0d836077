import imagecodecs
import numpy as np
import pytest
from PIL import Image

from sr.formats import Unreadable
from tests.formats.picture.samples import ICC, XMP, shifted, tagged
from tests.pictures import Meta, read, read_with_meta, write


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_16_bits_keeps_all_of_them(tmp_path, deep, channels):
    pixels = shifted(deep, channels)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels.squeeze()))
    back = read(tmp_path / "a.png")
    assert back.dtype == np.uint16
    assert np.array_equal(back, pixels)


def test_a_png_of_16_bits_keeps_all(tmp_path, rgb):
    deep = rgb.astype(np.uint16) * 257
    meta = Meta(icc=ICC, exif=tagged().tobytes(), xmp=XMP, dpi=(300, 300))
    write(tmp_path / "a.png", deep, meta)
    assert np.array_equal(imagecodecs.png_decode((tmp_path / "a.png").read_bytes()), deep)
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        assert image.info["icc_profile"] == ICC
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert image.getexif()[271] == "Maker"
        assert image.info["XML:com.adobe.xmp"].encode() == XMP
    pixels, again = read_with_meta(tmp_path / "a.png")
    assert pixels.shape == (48, 64, 3)  # its orientation, 6, is applied to 16 bits too
    assert np.array_equal(pixels, np.rot90(deep, -1))
    assert again.icc == ICC


def test_a_truncated_png_of_16_bits_is_named(tmp_path, deep):
    data = imagecodecs.png_encode(deep)
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(Unreadable, match=r"a\.png"):
        read(tmp_path / "a.png")


def test_a_png_broken_in_the_middle_is_named(tmp_path):
    write(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8))
    data = bytearray((tmp_path / "a.png").read_bytes())
    second = data.rindex(b"IDAT")
    assert second > data.index(b"IDAT")
    data[second + 2] = 0xFF
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(Unreadable, match=r"a\.png: damaged: its chunk 'ID.T' does not match its checksum"):
        read(tmp_path / "a.png")
