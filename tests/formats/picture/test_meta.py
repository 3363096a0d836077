"""What a file says besides its pixels is kept, and scaled; read back by other libraries."""

from io import BytesIO

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, PngImagePlugin, features
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from sr.formats import Unreadable
from sr.formats.picture import suffixes
from tests.pictures import Meta, read, read_with_meta, write

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><tiff:Orientation>6</tiff:Orientation><dc>photo</dc></x:xmpmeta>'


@pytest.fixture(scope="module")
def rgb(face):
    return face.permute(1, 2, 0).numpy()[20:84, 30:78].copy()  # 64 48 3


def tagged() -> Image.Exif:
    exif = Image.Exif()
    exif[271], exif[274], exif[33432] = "Maker", 6, "Somebody"
    inner = exif.get_ifd(0x8769)
    inner[0xA002], inner[0xA003], inner[33434] = 48, 64, 0.01  # width, height, exposure
    exif.get_ifd(0x8825)[1] = "N"
    return exif


def save(path, rgb: np.ndarray) -> None:
    options = {"exif": tagged().tobytes(), "icc_profile": ICC, "dpi": (300, 300)}
    if path.suffix == ".png":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
    elif path.suffix == ".tif":
        exif = tagged()
        exif[700] = XMP
        options["exif"] = exif.tobytes()
    else:
        options["xmp"] = XMP
    Image.fromarray(rgb).save(path, **options)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_metadata_survive_and_are_those_of_the_larger_image(tmp_path, rgb, suffix):
    save(tmp_path / f"a{suffix}", rgb)
    pixels, meta = read_with_meta(tmp_path / f"a{suffix}")
    assert pixels.shape == (48, 64, 3)  # turned upright
    write(tmp_path / f"b{suffix}", pixels.repeat(2, 0).repeat(2, 1), meta.enlarged(128, 96, 2))
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.size == (128, 96)
        assert image.info["icc_profile"] == ICC
        exif = image.getexif()
        assert exif.get(274, 1) == 1  # once is enough
        assert exif[271] == "Maker"
        assert exif[33432] == "Somebody"
        inner = exif.get_ifd(0x8769)
        assert (inner[0xA002], inner[0xA003]) == (128, 96)
        assert float(inner[33434]) == pytest.approx(0.01)
        assert exif.get_ifd(0x8825)[1] == "N"
        if suffix != ".webp":  # which has no place for it
            assert image.info["dpi"] == pytest.approx((600, 600), abs=0.1)
        xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or exif.get(700)
        xmp = xmp if isinstance(xmp, bytes) else xmp.encode()
        assert b"photo" in xmp
        assert b"Orientation>6" not in xmp


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


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_transparency_is_known_as_such(tmp_path, rgb, suffix, dtype):
    rgba = np.concatenate([rgb, rgb[..., :1]], 2).astype(dtype)
    write(tmp_path / f"a{suffix}", rgba, Meta(alpha=True))
    back, meta = read_with_meta(tmp_path / f"a{suffix}")
    assert meta.alpha
    assert np.array_equal(back, rgba)
    assert not read_with_meta_of_rgb(tmp_path, rgb, suffix).alpha


def read_with_meta_of_rgb(folder, rgb, suffix) -> Meta:
    write(folder / f"b{suffix}", rgb)
    return read_with_meta(folder / f"b{suffix}")[1]


def test_cmyk_goes_through_its_profile_where_it_has_one(tmp_path, rgb):
    # A profile of another colour space is a damaged one for CMYK: the plain formula is used, nothing fails.
    Image.fromarray(rgb).convert("CMYK").save(tmp_path / "a.jpg", icc_profile=ICC, quality=95)
    pixels, meta = read_with_meta(tmp_path / "a.jpg")
    assert meta.icc is None  # it does not describe RGB
    assert np.abs(pixels.astype(int) - rgb).mean() < 6


def test_damaged_metadata_cost_no_image(tmp_path, rgb):
    Image.fromarray(rgb).save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 40, quality=95)
    pixels, _ = read_with_meta(tmp_path / "a.jpg")
    assert pixels.shape == rgb.shape


def test_bombs_are_refused_before_they_are_unpacked(tmp_path, monkeypatch, rgb):
    monkeypatch.setattr("sr.formats.picture.limits.LARGEST_PX", 1000)
    for suffix, pixels in ((".png", rgb), (".tif", rgb), (".png", rgb.astype(np.uint16) * 257)):
        write(tmp_path / f"a{suffix}", pixels)
        with pytest.raises(Unreadable, match="megapixels; more than"):
            read(tmp_path / f"a{suffix}")


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
        assert read_with_meta(tmp_path / "a.tif")[1].exif is not None


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


@pytest.mark.parametrize("suffix", [".avif", ".heic"])
def test_avif_and_heic_keep_pixels_and_tags(tmp_path, rgb, suffix):
    if suffix == ".heic":
        pytest.importorskip("pillow_heif")
    elif not features.check("avif"):
        pytest.skip("this Pillow knows no AVIF")
    options = {"subsampling": "4:4:4", "quality": 95}
    Image.fromarray(rgb).save(tmp_path / f"a{suffix}", exif=tagged().tobytes(), icc_profile=ICC, **options)
    pixels, meta = read_with_meta(tmp_path / f"a{suffix}")
    assert pixels.shape == (48, 64, 3)  # turned upright, once
    assert np.abs(pixels.astype(int) - np.rot90(rgb, -1)).mean() < 3
    write(tmp_path / f"b{suffix}", pixels, meta.enlarged(64, 48, 1))
    again, kept = read_with_meta(tmp_path / f"b{suffix}")
    assert np.abs(again.astype(int) - pixels).mean() < 3
    assert kept.icc == ICC
    with Image.open(tmp_path / f"b{suffix}") as image:
        exif = image.getexif()
    assert exif.get(274, 1) == 1
    assert exif[271] == "Maker"
    assert exif.get_ifd(0x8769)[0xA002] == 64
    assert exif.get_ifd(0x8825)[1] == "N"


def test_heic_without_its_plug_in_says_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 40)
    with pytest.raises(Unreadable) as told:
        read(tmp_path / "a.heic")
    assert ("pip install" in str(told.value)) == (not suffixes.HEIC)  # where it is installed, the file is at fault
    monkeypatch.setattr(suffixes, "HEIC", set())
    with pytest.raises(Unreadable, match=r"a\.heic: .*HEIC needs pillow-heif: pip install 'sr\[heic\]'"):
        read(tmp_path / "a.heic")
