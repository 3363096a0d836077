"""What a file says besides its pixels is kept, and scaled; read back by other libraries."""

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from tests.formats.picture.samples import ICC, XMP, tagged
from tests.pictures import Meta, read_with_meta, write


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


def test_damaged_metadata_cost_no_image(tmp_path, rgb):
    Image.fromarray(rgb).save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 40, quality=95)
    pixels, _ = read_with_meta(tmp_path / "a.jpg")
    assert pixels.shape == rgb.shape
