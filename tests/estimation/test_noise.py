"""Noise of a known level is found, in photographs and beside scikit-image's estimate."""

import numpy as np
import pytest
from skimage.restoration import estimate_sigma

from sr.estimation.noise import noise_level

from .levels import levels


def noisy(image: np.ndarray, sigma: float) -> np.ndarray:
    return levels(image + np.random.default_rng(0).normal(0, sigma, image.shape))


@pytest.mark.parametrize("sigma", [1, 5, 20])
def test_on_a_ramp_it_is_the_level_and_what_scikit_image_says(sigma):
    ramp = np.add.outer(np.linspace(90, 160, 200), np.zeros(180))
    seen = noisy(ramp, sigma)
    assert noise_level([seen]) == pytest.approx(np.hypot(sigma, 12**-0.5), rel=0.05)  # and that of rounding
    assert noise_level([seen]) == pytest.approx(estimate_sigma(seen), rel=0.08)


@pytest.mark.parametrize("sigma", [3, 10, 25])
def test_in_photographs_to_a_tenth(clean, sigma):
    for name, image in clean.items():
        assert noise_level([noisy(image, sigma)[..., 1]]) == pytest.approx(sigma, rel=0.12, abs=0.5), name


def test_clean_photographs_have_hardly_any(clean):
    assert max(noise_level([image[..., 1]]) for image in clean.values()) < 1.2


def test_in_parts_it_is_that_of_the_whole(clean):
    image = noisy(clean["astronaut.png"], 8)[..., 1]
    assert noise_level([image[:128], image[128:]]) == pytest.approx(noise_level([image]), rel=0.03)


def test_black_and_white_hide_it():
    assert noise_level([np.full((64, 64), 255.0)]) == 0
    image = np.full((64, 128), 0.0)
    image[:, 64:] = 128
    assert noise_level([noisy(image, 6)]) == pytest.approx(6, rel=0.1)


def test_kodak(kodak):
    for sigma in (2, 5, 10, 20):
        found = [noise_level([noisy(image[..., 1], sigma)]) for image in kodak]
        assert np.median(found) == pytest.approx(sigma, rel=0.12)
        assert np.abs(np.array(found) - sigma).max() < max(0.15 * sigma, 1)
