import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from sr.formats import Unreadable
from tests.formats.picture.samples import shifted
from tests.pictures import read


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
