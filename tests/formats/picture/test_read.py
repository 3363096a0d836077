import struct
import warnings

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.JpegImagePlugin import get_sampling

from sr.errors import UserError
from sr.formats import Unreadable
from tests.pictures import read, write


@pytest.fixture(scope="module")
def rgb(face):
    return face.permute(1, 2, 0).numpy()[20:84, 30:78].copy()  # 64 48 3


@pytest.fixture(scope="module")
def deep(rgb):
    """16 bits in use, no two neighbouring levels alike."""
    return rgb.astype(np.uint16) * 257 ^ np.arange(48, dtype=np.uint16)[:, None]


def shifted(rgb: np.ndarray, channels: int) -> np.ndarray:
    return np.concatenate([np.roll(rgb[..., :1], 5 * i, 0) for i in range(channels)], 2)


# --- round trips ------------------------------------------------------------------------------------------------------


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


# --- depth and channels -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_16_bits_keeps_all_of_them(tmp_path, deep, channels):
    pixels = shifted(deep, channels)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels.squeeze()))
    back = read(tmp_path / "a.png")
    assert back.dtype == np.uint16
    assert np.array_equal(back, pixels)


@pytest.mark.parametrize("layout", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "lzw", "deflate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_of_13_bands(tmp_path, rgb, layout, compression, dtype):
    pixels = shifted(rgb, 13).astype(dtype) * (np.iinfo(dtype).max // 255)
    stored = pixels if layout == "contig" else pixels.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", planarconfig=layout, compression=compression)
    back = read(tmp_path / "a.tif")
    assert back.dtype == dtype
    assert np.array_equal(back, pixels)


@pytest.mark.parametrize("mode", ["P", "CMYK", "LA", "1", "L", "I;16"])
def test_every_mode_of_png_and_jpeg_comes_as_gray_rgb_or_rgba(tmp_path, rgb, deep, mode):
    if mode == "I;16":
        image, expected = Image.fromarray(deep[..., 0]), deep[..., :1]
    elif mode == "P":
        image = Image.fromarray(rgb).quantize(16)
        expected = np.asarray(image.convert("RGB"))
    else:
        image = Image.fromarray(rgb).convert(mode)
        channels = {"CMYK": "RGB", "LA": "RGBA", "1": "L", "L": "L"}[mode]
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


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_exif_orientation_is_applied(tmp_path, rgb, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    Image.fromarray(rgb).save(tmp_path / f"a{suffix}", exif=exif, lossless=True, quality=95)
    back = read(tmp_path / f"a{suffix}")
    turned = np.rot90(rgb, -1)
    assert back.shape == turned.shape
    assert np.abs(back.astype(int) - turned).mean() < 3


@pytest.mark.parametrize("kind", ["palette", "white is zero", "CMYK", "YCbCr"])
def test_tiff_colours_mean_what_pillow_says_they_mean(tmp_path, rgb, kind):
    if kind == "palette":
        Image.fromarray(rgb).quantize(64).save(tmp_path / "a.tif")
    elif kind == "white is zero":
        tifffile.imwrite(tmp_path / "a.tif", rgb[..., 0], photometric="miniswhite")
    else:
        Image.fromarray(rgb).convert(kind).save(tmp_path / "a.tif")
    # YCbCr is stored as it is; Pillow 12 cannot read what it wrote
    image = Image.fromarray(rgb).convert(kind) if kind == "YCbCr" else Image.open(tmp_path / "a.tif")
    reference = np.asarray(image.convert("L" if image.mode == "L" else "RGB")).reshape(64, 48, -1)
    back = read(tmp_path / "a.tif")
    assert back.shape == reference.shape
    assert np.abs(back.astype(int) - reference).max() <= 2


def test_a_stack_of_pages_is_refused(tmp_path, rgb):
    tifffile.imwrite(tmp_path / "a.tif", shifted(rgb, 5).transpose(2, 0, 1), photometric="minisblack")
    with pytest.raises(Unreadable, match="not that of one image"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint32])
def test_other_depths_are_read_as_they_are(tmp_path, rgb, dtype):
    tifffile.imwrite(tmp_path / "a.tif", rgb.astype(dtype))
    pixels = read(tmp_path / "a.tif")
    assert pixels.dtype == dtype
    assert np.array_equal(pixels, rgb)


def test_complex_numbers_are_refused(tmp_path, rgb):
    tifffile.imwrite(tmp_path / "a.tif", rgb[..., 0].astype(np.complex64))
    with pytest.raises(Unreadable, match=r"a\.tif: pixels are complex64"):
        read(tmp_path / "a.tif")


# --- what is no image -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tif"])
def test_a_truncated_file_is_named(tmp_path, rgb, suffix):
    path = tmp_path / f"a{suffix}"
    write(path, rgb)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Unreadable, match=f"a{suffix}"):
        read(path)


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
    with pytest.raises(Unreadable, match=r"a\.png: cannot be decoded \(broken PNG file"):
        read(tmp_path / "a.png")


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


# --- writing ----------------------------------------------------------------------------------------------------------


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


# --- TIFF of other depths ---------------------------------------------------------------------------------------------


def packed_tiff(path, values: np.ndarray, bits: int, white_is_zero=False) -> None:
    """By hand, for no library writes them: TIFF 6.0, one strip, rows that end with a byte."""
    height, width = values.shape[:2]
    samples = values.shape[2] if values.ndim == 3 else 1
    shifts = np.arange(bits - 1, -1, -1)
    rows = (values.reshape(height, -1, 1) >> shifts & 1).astype(np.uint8).reshape(height, -1)
    data = np.packbits(rows, axis=1).tobytes()
    photometric = 2 if samples == 3 else 0 if white_is_zero else 1
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, bits), (259, 3, 1, 1), (262, 3, 1, photometric),
               (273, 4, 1, 0), (277, 3, 1, samples), (278, 4, 1, height), (279, 4, 1, len(data))]  # fmt: skip
    end = 8 + 2 + 12 * len(entries) + 4
    entries = [(tag, 3, 3, end) if tag == 258 and samples == 3 else (tag, kind, n, v) for tag, kind, n, v in entries]
    extra = struct.pack("<3H", bits, bits, bits) if samples == 3 else b""
    entries = [(tag, kind, n, end + len(extra) if tag == 273 else value) for tag, kind, n, value in entries]
    ifd = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + b"\0" * 4
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + ifd + extra + data)


@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize(("bits", "dtype"), [(1, np.uint8), (4, np.uint8), (12, np.uint16)])
def test_gray_tiff_of_any_bits_fills_its_range(tmp_path, bits, dtype, white_is_zero):
    full = 2**bits - 1
    values = np.random.default_rng(0).integers(0, full + 1, (7, 10))
    values[0, :2] = 0, full
    packed_tiff(tmp_path / "a.tif", values, bits, white_is_zero)
    back = read(tmp_path / "a.tif")
    expected = (full - values if white_is_zero else values) * (np.iinfo(dtype).max / full)
    assert back.dtype == dtype
    assert np.array_equal(back[..., 0], expected.round())


def test_colours_of_12_bits(tmp_path):
    values = np.random.default_rng(0).integers(0, 4096, (7, 10, 3))
    packed_tiff(tmp_path / "a.tif", values, 12)
    assert np.array_equal(read(tmp_path / "a.tif"), (values * (65535 / 4095)).round())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_that_were_multiplied_by_their_transparency(tmp_path, rgb, dtype):
    full = np.iinfo(dtype).max
    colours = rgb.astype(np.float64) / 255 * full
    alpha = np.broadcast_to(np.linspace(0, full, 48).round()[None, :, None], (64, 48, 1))
    stored = np.concatenate([(colours * alpha / full).round(), alpha], 2).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    back = read(tmp_path / "a.tif").astype(np.float64)
    assert np.array_equal(back[..., 3], stored[..., 3])
    assert (back[:, 0, :3] == 0).all()  # nothing is known of what is invisible
    lost = full / alpha[:, 1:] / 2 + 0.51  # by rounding, before
    assert (np.abs(back[:, 1:, :3] - colours[:, 1:]) <= lost).all()


def test_stored_luma_and_chroma_are_turned_too(tmp_path, rgb):
    coded = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    tifffile.imwrite(
        tmp_path / "a.tif", coded, photometric="ycbcr", subsampling=(1, 1), extratags=[(274, 3, 1, 6, True)]
    )
    back = read(tmp_path / "a.tif")
    assert np.abs(back.astype(int) - np.rot90(rgb, -1)).max() <= 3


def test_a_tiff_of_several_pictures_is_refused(tmp_path, rgb):
    image = Image.fromarray(rgb)
    image.save(tmp_path / "a.tif", save_all=True, append_images=[image.rotate(180)])
    with pytest.raises(Unreadable, match=r"a\.tif: shape .* not that of one image"):
        read(tmp_path / "a.tif")
