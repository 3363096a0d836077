"""Against NumPy's and SciPy's distributions."""

import numpy as np
import pytest
import torch
from scipy import stats

from sr.degradations import GaussianNoise, PoissonNoise, of_sample
from sr.degradations.noise import poisson

GRAY = torch.full((3, 200, 200), 0.5)


def test_gaussian_noise_is_normal_with_its_sigma():
    noise = 255 * (GaussianNoise()([GRAY], [{"sigma": 12.0, "kind": "colour", "seed": 3}], (1, 1))[0] - 0.5)
    assert stats.kstest(noise.flatten().numpy(), "norm", (0, 12)).pvalue > 0.01
    assert abs(np.corrcoef(noise.flatten(1).numpy())[0, 1]) < 0.02


def test_gray_noise_is_the_same_in_all_channels():
    for operator, level in ((GaussianNoise(), {"sigma": 10.0}), (PoissonNoise(), {"scale": 0.3})):
        image = (
            torch.linspace(0.4, 0.6, 200)[None, None].expand(3, 100, 200) + torch.tensor([-0.1, 0, 0.1])[:, None, None]
        )
        noisy = operator([image], [level | {"gray": True, "kind": "gray", "seed": 1}], (1, 1))[0]
        noise = noisy - image
        assert noise.std() > 0
        torch.testing.assert_close(noise[0], noise[2], atol=1e-6, rtol=0)


@pytest.mark.parametrize("level", [3, 60, 200])
def test_poisson_noise_is_that_of_counted_photons(level):
    """One level in the image beside 200 others: 256 photons at white."""
    image = torch.full((1, 300, 300), level / 255)
    image[0, 0, :201] = torch.arange(201) / 255
    noise = poisson(image, torch.Generator().manual_seed(5))[0, 1:]
    photons = (256 * (noise + level / 255)).numpy().ravel()
    np.testing.assert_allclose(photons, photons.round(), atol=1e-3)
    mean = 256 * level / 255
    counted, n = np.bincount(photons.round().astype(int), minlength=400), photons.size
    ideal = stats.poisson(mean).pmf(np.arange(len(counted)))
    assert abs(counted.cumsum() / n - ideal.cumsum()).max() < 2 / np.sqrt(n) + 1 / 1024  # and the steps of the table
    assert photons.mean() == pytest.approx(mean, abs=5 * np.sqrt(mean / n))
    assert photons.var() == pytest.approx(mean, rel=0.03)


@pytest.mark.parametrize(("levels", "photons"), [(1, 1), (2, 2), (3, 4), (16, 16), (17, 32), (129, 256)])
def test_photons_are_counted_by_the_levels_of_the_image(levels, photons):
    image = (torch.arange(400) % levels / 255).view(1, 20, 20) + 0.2 * (levels == 1)
    counts = photons * (poisson(image, torch.Generator().manual_seed(0)) + (255 * image).round() / 255)
    np.testing.assert_allclose(counts, counts.round(), atol=1e-3)
    half = counts / 2
    assert photons == 1 or (half - half.round()).abs().max() > 0.4  # not so with half as many


def test_the_scale_multiplies_the_noise_and_the_range_is_kept():
    ramp = torch.linspace(0.4, 0.6, 200).expand(3, 200, 200)
    one, three = (PoissonNoise()([ramp], [{"scale": s, "gray": False, "seed": 7}], (1, 1))[0] for s in (0.1, 0.3))
    torch.testing.assert_close(3 * (one - ramp), three - ramp, atol=1e-6, rtol=0)
    for operator, level in ((GaussianNoise(), {"sigma": 200.0}), (PoissonNoise(), {"scale": 9.0})):
        noisy = operator([GRAY], [level | {"gray": False, "kind": "colour", "seed": 0}], (1, 1))[0]
        assert noisy.min() == 0
        assert noisy.max() == 1


def test_correlated_noise_has_the_covariance_that_was_drawn():
    operator = GaussianNoise((2, 25), correlated=1)
    draw = operator.draw(of_sample(0, 4))
    noise = 255 * (operator([GRAY], [draw], (1, 1))[0] - 0.5)
    mix = np.array(draw["mix"])
    np.testing.assert_allclose(np.cov(noise.flatten(1).numpy()), 25**2 * mix @ mix.T, rtol=0.05, atol=8)
    assert abs(np.corrcoef(noise.flatten(1).numpy())[0, 1]) > 0.1
    assert operator([GRAY[:1]], [draw], (1, 1))[0].shape == (1, 200, 200)
