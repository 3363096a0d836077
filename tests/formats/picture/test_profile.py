"""Profiles made of numbers of H.273: against littlecms, sRGB as Pillow has it, and Display P3 as Apple publishes it."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from sr.formats.picture.profile import PRIMARIES, TRANSFERS, profile_of
from tests.formats.picture.raw import png
from tests.formats.picture.test_beyond import CICP, enlarged, samples

RAMP = np.arange(256, dtype=np.uint8)
APPLE_P3 = [(0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)]


def opened(data: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(data))


def colorants(profile) -> np.ndarray:
    found = profile.profile
    return np.array([found.red_colorant[0], found.green_colorant[0], found.blue_colorant[0]])


def through(pixels: np.ndarray, source, target) -> np.ndarray:
    image = Image.fromarray(pixels)
    made = ImageCms.profileToProfile(image, source, target, ImageCms.Intent.RELATIVE_COLORIMETRIC)
    return np.asarray(made).astype(int)


def test_srgb_is_srgb_and_display_p3_is_that_of_apple():
    srgb, p3 = opened(profile_of((1, 13), False)), opened(profile_of((12, 13), False))
    assert ImageCms.getProfileDescription(srgb).strip() == "sRGB"
    assert ImageCms.getProfileDescription(p3).strip() == "Display P3"
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert np.abs(through(pixels, srgb, ImageCms.createProfile("sRGB")) - pixels).max() <= 1
    np.testing.assert_allclose(colorants(p3), APPLE_P3, atol=2e-5)
    # Pure red of sRGB is this colour of Display P3 (CSS Color 4, example of color(display-p3 0.9176 0.2003 0.1386))
    red = through(np.full((1, 1, 3), (255, 0, 0), np.uint8), ImageCms.createProfile("sRGB"), p3)
    np.testing.assert_allclose(red.ravel() / 255, (0.9176, 0.2003, 0.1386), atol=3e-3)


@pytest.mark.parametrize("number", PRIMARIES)
def test_primaries_are_those_that_littlecms_makes(number):
    data = profile_of((number, 8), False)
    imagecodecs.cms_profile_validate(data)
    _, corners, white = PRIMARIES[number]
    other = imagecodecs.cms_profile("rgb", whitepoint=[*white, 1], gamma=1,
                                    primaries=[v for corner in corners for v in (*corner, 1)])  # fmt: skip
    np.testing.assert_allclose(colorants(opened(data)), colorants(opened(other)), atol=3e-5)
    made = through(np.full((1, 1, 3), 255, np.uint8), opened(data), ImageCms.createProfile("sRGB"))
    assert made.min() >= 254  # white stays white


def encoded(light: np.ndarray, transfer: int) -> np.ndarray:
    """From light to signal, as Table 3 of H.273 writes it."""
    if transfer in (1, 6, 14, 15):
        return np.where(light < 0.018054, 4.5 * light, 1.099297 * np.maximum(light, 1e-9) ** 0.45 - 0.099297)
    if transfer == 13:
        return np.where(light < 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    return light ** {4: 1 / 2.2, 5: 1 / 2.8, 8: 1.0}[transfer]


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_curves_are_those_of_the_table(transfer):
    source, linear = (opened(profile_of((1, number), False)) for number in (transfer, 8))
    made = through(np.tile(RAMP[None, :, None], (1, 1, 3)), linear, source)[0]  # from light to signal
    assert np.abs(made - 255 * encoded(RAMP / 255, transfer)[:, None]).max() < 1.01
    source, linear = (opened(profile_of((1, number), True)) for number in (transfer, 8))
    made = through(RAMP[None], source, linear)[0]  # from signal to light, for littlecms has few steps of gray
    light = np.linspace(0, 1, 10_000)
    assert np.abs(made - 255 * np.interp(RAMP / 255, encoded(light, transfer), light)).max() < 1.01


@pytest.mark.parametrize("colours", [(9, 16), (9, 18), (2, 13), (1, 2), (10, 13)])
def test_what_no_profile_can_say_has_none(colours):
    assert profile_of(colours, False) is None


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("suffix", "depth"), [(".jpg", 8), (".webp", 8), (".tif", 8), (".tif", 16)])
def test_a_profile_is_made_where_numbers_cannot_be_written(tmp_path, suffix, depth, channels):
    p3 = (b"cICP", bytes([12, 13, 0, 1]))
    (tmp_path / "a.png").write_bytes(png(samples(depth, channels), depth, (p3,)))
    target, told = enlarged(tmp_path / "a.png", suffix)
    assert "not kept" not in told
    if suffix == ".tif":
        with tifffile.TiffFile(target) as file:
            icc, gray = file.pages[0].iccprofile, file.pages[0].samplesperpixel == 1
    else:
        with Image.open(target) as image:
            icc, gray = image.info["icc_profile"], image.mode == "L"
    assert gray == (channels == 1 and suffix != ".webp")
    assert icc == profile_of((12, 13), gray)
    (tmp_path / "c.png").write_bytes(png(samples(depth, channels), depth, (CICP,)))  # PQ
    assert "not kept: primaries 9 and transfer function 16" in enlarged(tmp_path / "c.png", suffix)[1]
