import warnings

import numpy as np
import pytest
from PIL import Image, ImageOps

from sr.errors import UserError
from sr.formats import Unreadable
from tests.formats.picture.samples import ICC, XMP
from tests.pictures import Meta, read, read_with_meta, write


@pytest.mark.parametrize("mode", ["P", "CMYK", "LA", "1", "L", "I;16"])
def test_every_mode_of_png_and_jpeg_comes_as_gray_or_rgb_with_its_transparency(tmp_path, rgb, deep, mode):
    if mode == "I;16":
        image, expected = Image.fromarray(deep[..., 0]), deep[..., :1]
    elif mode == "P":
        image = Image.fromarray(rgb).quantize(16)
        expected = np.asarray(image.convert("RGB"))
    else:
        image = Image.fromarray(rgb).convert(mode)
        channels = {"CMYK": "RGB", "LA": "LA", "1": "L", "L": "L"}[mode]
        expected = np.asarray(image.convert(channels)).reshape(64, 48, -1)
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    image.save(path, **({"quality": 100, "subsampling": 0} if mode == "CMYK" else {}))
    back = read(path)
    assert back.shape == expected.shape
    assert np.abs(back.astype(int) - expected).max() <= (8 if mode == "CMYK" else 0)


def test_transparent_palette_comes_as_rgba(tmp_path, rgb):
    image = Image.fromarray(rgb).quantize(16)
    image.save(tmp_path / "a.png", transparency=3)
    back = read(tmp_path / "a.png")
    assert np.array_equal(back[..., 3] == 0, np.asarray(image) == 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("in_exif", [None, 1, 8])
def test_orientation_in_xmp_alone_is_applied_too(tmp_path, rgb, suffix, in_exif):
    exif = Image.Exif()
    if in_exif:
        exif[274] = in_exif  # which goes before
    write(tmp_path / f"a{suffix}", rgb, Meta(xmp=XMP, exif=exif.tobytes() if in_exif else None))
    with Image.open(tmp_path / f"a{suffix}") as image:
        image.load()
        expected = ImageOps.exif_transpose(image)
    back, meta = read_with_meta(tmp_path / f"a{suffix}")
    assert np.array_equal(back, expected)
    assert b"tiff:Orientation>1" in meta.xmp


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_exif_orientation_is_applied(tmp_path, rgb, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    Image.fromarray(rgb).save(tmp_path / f"a{suffix}", exif=exif, lossless=True, quality=95)
    back = read(tmp_path / f"a{suffix}")
    turned = np.rot90(rgb, -1)
    assert back.shape == turned.shape
    assert np.abs(back.astype(int) - turned).mean() < 3


def test_cmyk_goes_through_its_profile_where_it_has_one(tmp_path, rgb):
    # A profile of another colour space is a damaged one for CMYK: the plain formula is used, nothing fails.
    Image.fromarray(rgb).convert("CMYK").save(tmp_path / "a.jpg", icc_profile=ICC, quality=95)
    pixels, meta = read_with_meta(tmp_path / "a.jpg")
    assert meta.icc is None  # it does not describe RGB
    assert np.abs(pixels.astype(int) - rgb).mean() < 6


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tif"])
def test_a_truncated_file_is_named(tmp_path, rgb, suffix):
    path = tmp_path / f"a{suffix}"
    write(path, rgb)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Unreadable, match=f"a{suffix}"):
        read(path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tif"])
@pytest.mark.parametrize("content", [b"", b"not an image\n", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_named(tmp_path, suffix, content):
    (tmp_path / f"a{suffix}").write_bytes(content)
    with pytest.raises(Unreadable, match=f"a{suffix}: cannot be decoded"):
        read(tmp_path / f"a{suffix}")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(UserError, match=r"a\.png: no such file"):
        read(tmp_path / "a.png")
    (tmp_path / "b.png").mkdir()
    with pytest.raises(UserError, match=r"b\.png: cannot be opened"):
        read(tmp_path / "b.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tif"])
def test_damaged_bytes_are_an_unreadable_image_or_other_pixels(tmp_path, rgb, suffix):
    """A byte changed here and there, mostly in the header: nothing but Unreadable may come out."""
    path = tmp_path / f"a{suffix}"
    write(path, rgb)
    sound, random = path.read_bytes(), np.random.default_rng(0)
    for _ in range(100):
        damaged = bytearray(sound)
        damaged[random.integers(min(len(sound), 200))] = random.integers(256)
        path.write_bytes(damaged)
        with warnings.catch_warnings(action="ignore"):
            try:
                read(path)
            except Unreadable as error:
                assert str(path) in str(error)  # noqa: PT017 (most damage is not noticed, and need not be)


def test_an_error_without_words_is_reported_by_its_type(tmp_path, rgb, monkeypatch):
    write(tmp_path / "a.png", rgb)

    def fail(_):
        raise OSError

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(Unreadable, match="OSError"):
        read(tmp_path / "a.png")
