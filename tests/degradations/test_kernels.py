"""Against SciPy's distributions and Bessel function, and shapes drawn at 32 times the size."""

import math

import cv2
import numpy as np
import pytest
from scipy import special, stats

from sr.degradations import kernels

AT = np.arange(-10, 11)
X, Y = np.meshgrid(AT, AT)
EXACT = 1e-7  # float32


def normalised(kernel):
    return kernel / kernel.sum()


def test_isotropic_is_opencvs():
    row = cv2.getGaussianKernel(21, 1.7)
    np.testing.assert_allclose(kernels.gaussian([21], [(1.7, 1.7)], [0.3])[0], row @ row.T, atol=EXACT)


def test_anisotropic_is_a_normal_distribution_at_an_angle():
    sigmas, angle = (0.6, 2.9), 0.7
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    density = stats.multivariate_normal(cov=turn @ np.diag(np.square(sigmas)) @ turn.T).pdf(np.dstack([X, Y]))
    np.testing.assert_allclose(kernels.gaussian([21], [sigmas], [angle])[0], normalised(density), atol=EXACT)


@pytest.mark.parametrize("beta", [0.5, 1, 4])
def test_generalised_gaussians_are_generalised_normal(beta):
    density = stats.gennorm(2 * beta, scale=2.0 * 2 ** (1 / (2 * beta))).pdf(np.hypot(X, Y))
    np.testing.assert_allclose(kernels.gaussian([21], [(2, 2)], [0], [beta])[0], normalised(density), atol=EXACT)


@pytest.mark.parametrize("beta", [1, 2])
def test_plateaus_are_log_logistic(beta):
    density = stats.fisk(2 * beta, scale=2.5).sf(np.hypot(X, Y))
    np.testing.assert_allclose(kernels.plateau([21], [(2.5, 2.5)], [1], [beta])[0], normalised(density), atol=EXACT)


@pytest.mark.parametrize("cutoff", [math.pi / 5, 2, math.pi])
def test_sinc_is_the_circular_low_pass(cutoff):
    r = np.hypot(X, Y)
    with np.errstate(invalid="ignore", divide="ignore"):
        ideal = np.where(r == 0, cutoff**2 / (4 * math.pi), cutoff * special.j1(cutoff * r) / (2 * math.pi * r))
    np.testing.assert_allclose(kernels.sinc([21], [cutoff])[0], normalised(ideal), atol=EXACT)


def drawn(size, inside):
    """What a shape covers of size x size pixels, counted at 32 x 32 points of each."""
    at = (np.arange(size * 32) + 0.5) / 32 - size / 2
    x, y = np.meshgrid(at, at)
    return normalised(cv2.resize(inside(x, y).astype(np.float64), (size, size), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize("radius", [1.5, 3.2, 6])
def test_discs_cover_what_they_cover(radius):
    kernel = kernels.disc([radius])[0].numpy()
    ideal = drawn(len(kernel), lambda x, y: np.hypot(x, y) <= radius)
    assert abs(kernel - ideal).max() < 0.1 * kernel.max()  # the edge is a ramp over the distance, not the exact area
    assert abs(kernel - ideal).sum() < 0.03


@pytest.mark.parametrize(("length", "angle"), [(5, 0), (9, math.pi / 2), (12, 0.6)])
def test_lines_are_as_long_and_as_steep_as_asked_for(length, angle):
    kernel = kernels.line([length], [angle])[0].double().numpy()
    half = len(kernel) // 2
    x, y = np.meshgrid(np.arange(-half, half + 1), np.arange(-half, half + 1))
    along, across = (x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle))
    uniform = length / math.sqrt(12)  # the standard deviation of a line
    assert math.sqrt((kernel * along**2).sum()) == pytest.approx(uniform, rel=0.05)
    assert math.sqrt((kernel * across**2).sum()) < 0.5


def test_kernels_of_several_sizes_are_each_their_own():
    both = kernels.gaussian([7, 21], [(2, 2), (2, 2)], [0, 0])
    assert both.shape == (2, 21, 21)
    np.testing.assert_allclose(both[0, 7:14, 7:14], kernels.gaussian([7], [(2, 2)], [0])[0], atol=EXACT)
    assert both[0].count_nonzero() == 49
