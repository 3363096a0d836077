import math

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from scipy.ndimage import convolve
from scipy.special import gamma

from sr.data import photos
from sr.data.sets import open_set
from sr.image.resize import imresize
from sr.metrics import NIQE, niqe
from sr.metrics.niqe import PRISTINE
from tests import pictures as formats

SHAPES = np.arange(0.2, 10.001, 0.001)
RATIOS = gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))


@pytest.fixture(scope="module")
def cat():
    """1 3 200 210 in [0, 1]: two rows of two blocks, and something left over."""
    return photograph("chelsea.png")


def photograph(name: str) -> torch.Tensor:
    pixels = torch.from_numpy(formats.read(photos.folder() / name).copy())
    return pixels[20:220, 150:360].permute(2, 0, 1)[None] / 255


# --- a second implementation, block by block --------------------------------------------------------------------------


def reference_niqe(image: torch.Tensor) -> float:
    """After Mittal, Soundararajan & Bovik 2013, sections II-A to II-E."""
    r, g, b = (image[0].double().numpy() * 255).round()
    y = (16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255).round()
    rows, columns = y.shape[0] // 96, y.shape[1] // 96
    y = y[: rows * 96, : columns * 96]
    features = [[] for _ in range(rows * columns)]
    for block in (96, 48):
        normalised = normalise(y)
        for i in range(rows):
            for j in range(columns):
                features[i * columns + j] += describe(normalised[i * block :, j * block :][:block, :block])
        small = imresize(torch.from_numpy(np.pad(y, 8, mode="symmetric")), 0.5).numpy()
        y = small[4:-4, 4:-4]
    pristine = load_file(PRISTINE)
    difference = pristine["mean"] - np.mean(features, axis=0)
    covariance = (pristine["covariance"] + np.cov(features, rowvar=False)) / 2
    return math.sqrt(difference @ np.linalg.pinv(covariance) @ difference)


def normalise(y: np.ndarray) -> np.ndarray:
    offsets = np.arange(-3, 4)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * (7 / 6) ** 2))
    window /= window.sum()
    mean = convolve(y, window, mode="nearest")
    return (y - mean) / (np.sqrt(np.abs(convolve(y**2, window, mode="nearest") - mean**2)) + 1)


def describe(block: np.ndarray) -> list[float]:
    alpha, left, right = fit(block)
    found = [alpha, (left + right) / 2]
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        alpha, left, right = fit(block * np.roll(block, shift, axis=(0, 1)))
        found += [alpha, (right - left) * gamma(2 / alpha) / gamma(1 / alpha), left, right]
    return found


def fit(x: np.ndarray) -> tuple[float, float, float]:
    """Asymmetric generalised Gaussian by moments (Lasmar, Stitou & Berthoumieu 2009)."""
    left, right = math.sqrt(np.mean(x[x < 0] ** 2)), math.sqrt(np.mean(x[x > 0] ** 2))
    ratio = left / right
    wanted = np.mean(np.abs(x)) ** 2 / np.mean(x**2) * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    alpha = SHAPES[np.argmin((RATIOS - wanted) ** 2)]
    width = math.sqrt(gamma(1 / alpha) / gamma(3 / alpha))
    return alpha, left * width, right * width


@pytest.mark.parametrize("name", ["astronaut.png", "coffee.png", "chelsea.png", "motorcycle_left.png"])
def test_equal_to_a_second_implementation(name):
    image = photograph(name)
    blurred = imresize(imresize(image.double(), 1 / 4), 4).clamp(0, 1)
    for x in (image, blurred):
        assert niqe(x).item() == pytest.approx(reference_niqe(x), abs=1e-3)


# --- numbers of mmagic 1.2.0's niqe_core ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"), [("img_001", 5.98990), ("img_003", 2.52143), ("img_010", 3.66297), ("img_014", 3.26939)]
)
def test_equal_to_mmagic_on_set14(benchmarks, name, expected):
    images = open_set("Set14", benchmarks, 4)
    hr = images[images.names.index(name)]["hr"][None] / 255
    assert niqe(hr, crop_border_px=4).item() == pytest.approx(expected, abs=2e-3)


def test_equal_to_mmagic_on_bicubic(benchmarks):
    images = open_set("Set14", benchmarks, 4)
    sr = imresize(images[images.names.index("img_003")]["lr"][None].double() / 255, 4)
    assert niqe(sr, crop_border_px=4).item() == pytest.approx(7.47474, abs=2e-3)


@pytest.mark.parametrize(("level", "expected"), [(0, 17.43055), (0.5, 5.37331), (1, 17.70437)])
def test_equal_to_mmagic_beside_a_flat_area(cat, level, expected):
    """A flat block has no covariance, but a shape that counts in the mean."""
    boxed = torch.nn.functional.pad(cat[..., :192, :192], (0, 192), value=level)
    assert niqe(boxed).item() == pytest.approx(expected, abs=2e-3)


# --- what it looks at -------------------------------------------------------------------------------------------------


def test_blur_is_less_natural(cat):
    assert niqe(imresize(imresize(cat, 1 / 4), 4)) > niqe(cat) + 1


def test_cropped_pixels_do_not_count(cat):
    painted = cat.clone()
    painted[..., :4, :], painted[..., -4:] = 0, 1
    assert niqe(painted, crop_border_px=4) == niqe(cat, crop_border_px=4) == niqe(cat[..., 4:-4, 4:-4])
    assert niqe(painted) != niqe(cat)


def test_nor_do_those_that_fill_no_block(cat):
    assert niqe(cat[..., :192, :192]) == niqe(cat)


def test_as_a_file_would_hold_it(cat):
    bright = (1.2 * cat).clamp(0, 1)
    assert niqe(1.2 * cat) == niqe(bright) == niqe((bright * 255).round() / 255)


def test_bands(cat):
    many = torch.cat([cat[:, 1:2], cat], 1)
    assert niqe(many, bands=[1, 2, 3]) == niqe(cat)
    with pytest.raises(ValueError, match="got 4"):
        niqe(many)


def test_gray_is_its_own_luma(cat):
    """Of equal channels the luma has 219 levels of a gray file's 255."""
    gray = cat[:, :1] * 219 / 255 + 16 / 255
    assert niqe(gray).item() == pytest.approx(niqe(cat[:, [0, 0, 0]]).item(), abs=1e-6)


def test_one_score_for_each_image(cat):
    flipped = cat.flip(-1)
    assert niqe(torch.cat([cat, flipped])).tolist() == pytest.approx([niqe(cat).item(), niqe(flipped).item()], abs=1e-9)


def test_fewer_than_two_blocks_are_refused(cat):
    assert niqe(cat[..., :96, :192]).isfinite()
    with pytest.raises(ValueError, match="two blocks of 96x96 pixels, 191x96 are left"):
        niqe(cat[..., :96, :191])
    with pytest.raises(ValueError, match="192x88 are left after cropping"):
        niqe(cat[..., :96, :200], crop_border_px=4)


@pytest.mark.parametrize("level", [0, 0.3, 1])
def test_flat_images_are_refused(level):
    with pytest.raises(ValueError, match="two blocks that are not flat"):
        niqe(torch.full((1, 3, 192, 192), level))


def test_one_block_that_is_not_flat_is_too_few(cat):
    with pytest.raises(ValueError, match="two blocks that are not flat"):
        niqe(torch.nn.functional.pad(cat[..., :96, :96], (0, 288)))


def test_class_means_over_images_and_sees_the_sr_alone(cat):
    metric = NIQE(crop_border_px=4)
    assert metric.inputs == ("sr",)
    assert not metric.higher_is_better
    assert "4 px cropped" in metric.protocol
    images = [cat, cat.flip(-1), photograph("coffee.png")[..., :250]]
    metric.update(torch.cat(images[:2]))
    metric.update(images[2])
    expected = np.mean([niqe(image, crop_border_px=4).item() for image in images])
    assert metric.compute().item() == pytest.approx(expected, abs=1e-9)
