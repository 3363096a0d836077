import math

import numpy as np
import pytest
import torch
from scipy import stats
from skimage.color import rgb2xyz, xyz2rgb

from sr.degradations import BadPixels, CameraNoise, of_sample
from sr.degradations.camera import to_linear, to_srgb


def test_light_is_that_of_scikit_image():
    gray = np.linspace(0, 1, 256)[:, None].repeat(3, 1)
    xyz = rgb2xyz(gray)
    light = to_linear(torch.from_numpy(gray[:, 0]))
    np.testing.assert_allclose(light, xyz[:, 1], atol=1e-6)
    np.testing.assert_allclose(to_srgb(light), xyz2rgb(xyz)[:, 1], atol=1e-3)  # whose matrices are rounded
    np.testing.assert_allclose(to_srgb(light), gray[:, 0], atol=1e-6)


@pytest.mark.parametrize("value", [0.2, 0.5, 0.8])
def test_the_variance_in_linear_light_is_shot_and_read_noise(value):
    draw = {"shot": 0.004, "read": 2e-5, "seed": 1}
    noisy = CameraNoise()([torch.full((3, 200, 200), value)], [draw], (1, 1))[0]
    light = to_linear(torch.tensor(value)).item()
    noise = to_linear(noisy) - light
    assert noise.var().item() == pytest.approx(0.004 * light + 2e-5, rel=0.03)
    assert stats.kstest((noise / noise.std()).flatten()[:5000].numpy(), "norm").pvalue > 1e-3


def test_levels_are_those_of_brooks():
    draws = [CameraNoise().draw(of_sample(0, n)) for n in range(4000)]
    shot, read = (np.log([draw[key] for draw in draws]) for key in ("shot", "read"))
    low, high = math.log(1e-4), math.log(0.012)
    assert stats.kstest(shot, "uniform", (low, high - low)).pvalue > 1e-3
    assert stats.kstest((read - 2.18 * shot - 1.2) / 0.26, "norm").pvalue > 1e-3


def test_bad_pixels_are_black_or_white():
    image = torch.full((3, 200, 200), 0.5)
    bad = BadPixels(hot=0.7)([image], [{"share": 0.01, "seed": 2}], (1, 1))[0]
    assert set(bad.unique().tolist()) == {0.0, 0.5, 1.0}
    assert (bad != 0.5).float().mean().item() == pytest.approx(0.01, rel=0.1)
    assert (bad == 1).sum().item() == pytest.approx(0.7 * (bad != 0.5).sum().item(), rel=0.1)
