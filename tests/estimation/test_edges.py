"""Blur and sharpening of a known strength: of drawn discs, whose edges are known, and of photographs."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import erf

from sr.estimation.edges import edges

from .levels import LUMA, levels


def disc(sigma: float) -> np.ndarray:
    """Dark on gray, 256 256, its edge as wide as a Gaussian of this standard deviation."""
    y, x = np.mgrid[:256, :256] - np.array([127.3, 124.6])[:, None, None]
    return levels(170 - 55 * (1 - erf((np.hypot(y, x) - 80) / (sigma * 2**0.5))))


@pytest.mark.parametrize("sigma", [0.4, 0.7, 1, 1.5, 2])
def test_the_width_of_a_disc(sigma):
    assert edges([disc(sigma)]).width == pytest.approx(sigma, rel=0.12)
    assert edges([disc(sigma)]).halo < 0.01


@pytest.mark.parametrize("amount", [0.5, 1, 2])
def test_the_halo_of_a_disc(amount):
    """Against the overshoot of an edge in one dimension, drawn a hundred times as finely."""
    x = np.linspace(-8, 8, 1601)
    ideal = (1 + erf(x / (0.7 * 2**0.5))) / 2
    over = (ideal + amount * (ideal - gaussian_filter(ideal, 100, mode="nearest"))).max() - 1
    image = disc(0.7)
    found = edges([levels(image + amount * (image - gaussian_filter(image, 1)))])
    assert found.halo == pytest.approx(over, abs=0.03)


def test_noise_does_not_make_edges_sharper():
    seen = levels(disc(1.5) + np.random.default_rng(0).normal(0, 4, (256, 256)))
    assert edges([seen], 4).width == pytest.approx(1.5, rel=0.2)


def test_without_edges_nothing_is_said():
    assert edges([np.full((64, 64), 99.0)]) is None
    assert edges([levels(np.random.default_rng(0).normal(128, 20, (128, 128)))], 20) is None
    assert edges([np.zeros((4, 4))]) is None


def test_blur_adds_to_what_was_there(clean):
    blurred = {s: [edges([levels(gaussian_filter(image, (s, s, 0))) @ LUMA]).width for image in clean.values()]
               for s in (0, 1, 2)}  # fmt: skip
    assert np.median(blurred[0]) < 0.6
    for s in (1, 2):
        assert np.median(blurred[s]) == pytest.approx(np.hypot(np.median(blurred[0]), s), rel=0.25)


def test_kodak(kodak):
    def median(change):
        found = [edges([levels(change(image)) @ LUMA]) for image in kodak]
        return np.median([one.width for one in found]), np.median([one.halo for one in found])

    width, halo = median(lambda image: image)
    blurred, _ = median(lambda image: gaussian_filter(image, (1.5, 1.5, 0)))
    _, sharpened = median(lambda image: image + 1.2 * (image - gaussian_filter(image, (1, 1, 0))))
    assert (width, halo) < (0.7, 0.1)
    assert blurred == pytest.approx(np.hypot(width, 1.5), rel=0.15)
    assert sharpened > halo + 0.07
