from io import BytesIO

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from sr.formats.picture.meta import exif_of
from tests.formats.picture.samples import ICC, XMP, tagged
from tests.pictures import Meta, read_with_meta, write


@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_tiff_of_any_depth_and_bands(tmp_path, dtype, channels):
    pixels = (np.random.default_rng(0).random((20, 24, channels)) * 60000).astype(dtype)
    write(tmp_path / "a.tif", pixels, Meta(icc=ICC, dpi=(72, 72), xmp=XMP))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages[0]
        assert np.array_equal(page.asarray().reshape(pixels.shape), pixels)
        assert page.tags[34675].value == ICC
        assert page.tags[700].value == XMP
        assert page.get_resolution(2) == (72, 72)
        assert page.photometric == (2 if channels == 3 else 1)
    back, meta = read_with_meta(tmp_path / "a.tif")
    assert np.array_equal(back, pixels)
    assert (meta.icc, meta.alpha) == (ICC, False)  # four bands are no transparency


def full_exif() -> Image.Exif:
    """What a camera writes: text, fractions below zero, bytes, places."""
    exif = tagged()
    inner, place = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
    inner[36867], inner[37380], inner[37500] = "2024:01:02 03:04:05", IFDRational(-1, 3), b"maker"
    inner[0xA005] = {1: "R98"}  # a directory, at a place of the old file
    place[1], place[2] = "N", (IFDRational(48), IFDRational(30), IFDRational(1234, 100))
    place[5], place[6] = b"\0", IFDRational(4321, 10)
    return exif


@pytest.mark.parametrize(("dtype", "channels"), [(np.uint16, 3), (np.uint16, 1), (np.float32, 3), (np.uint8, 7)])
def test_exif_and_place_of_a_tiff_that_pillow_does_not_write(tmp_path, dtype, channels):
    pixels = np.random.default_rng(0).integers(0, 200, (6, 9, channels)).astype(dtype)
    meta = Meta(exif=full_exif().tobytes(), icc=ICC, xmp=XMP, dpi=(300, 300)).enlarged(9, 6, 1)
    write(tmp_path / "a.tif", pixels, meta)
    data = (tmp_path / "a.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages[0]
        assert len(file.pages) == 1
        codes = [tag.code for tag in page.tags]
        assert codes == sorted(codes)  # which TIFF 6.0 asks for
        assert np.array_equal(page.asarray().reshape(pixels.shape), pixels)
        tags = {code: ImageFileDirectory_v2(data[:8]) for code in (34665, 34853)}
        for code, directory in tags.items():
            handle = BytesIO(data)
            handle.seek(int(np.frombuffer(data, "<u4", 1, page.tags[code].offset + 8)[0]))
            directory.load(handle)
    inner, place = tags[34665], tags[34853]
    assert (inner[0xA002], inner[0xA003]) == (9, 6)
    assert (inner[36867], inner[37500]) == ("2024:01:02 03:04:05", b"maker")
    assert float(inner[37380]) == pytest.approx(-1 / 3)
    assert 0xA005 not in inner
    assert place[1] == "N"
    assert [float(part) for part in place[2]] == pytest.approx([48, 30, 12.34])
    if dtype == np.uint16:  # Pillow reads no others
        with Image.open(tmp_path / "a.tif") as image:
            exif = image.getexif()
            assert exif[271] == "Maker"
            assert exif.get_ifd(0x8769)[36867] == "2024:01:02 03:04:05"
            assert float(exif.get_ifd(0x8825)[6]) == pytest.approx(432.1)
    again = read_with_meta(tmp_path / "a.tif")[1]
    kept = exif_of(again.exif)
    assert (kept[271], kept.get_ifd(0x8769)[36867]) == ("Maker", "2024:01:02 03:04:05")
    assert (again.icc, again.dpi) == (ICC, (300, 300))
    assert b"tiff:Orientation>1" in again.xmp  # it was turned upright


def test_a_large_tiff_says_nothing_that_it_does_not_hold(tmp_path, monkeypatch):
    monkeypatch.setattr("sr.formats.picture.tiff_writer.CLASSIC_BYTES", 100)
    write(tmp_path / "a.tif", np.full((8, 8, 3), 700, np.uint16), Meta(exif=full_exif().tobytes()))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_bigtiff
        assert not {34665, 34666, 34853, 34854} & {tag.code for tag in file.pages[0].tags}
        assert file.pages[0].tags[271].value == "Maker"
    write(tmp_path / "b.tif", np.full((2, 2, 3), 700, np.uint16))
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert not file.is_bigtiff
