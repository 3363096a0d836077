from math import pi

import pytest
import torch

from sr.losses import SpectralAngle
from sr.metrics import sam


@pytest.fixture(scope="module")
def scenes():
    """Two scenes of thirteen bands and noisy ones of them."""
    random = torch.Generator().manual_seed(0)
    hr = torch.rand(2, 13, 20, 21, generator=random) + 0.1
    return hr + 0.05 * torch.randn(hr.shape, generator=random), hr


@pytest.mark.parametrize("bands", [2, 3, 13])
def test_equal_to_the_metric_in_radians(scenes, bands):
    sr, hr = (image[:, :bands] for image in scenes)
    assert SpectralAngle()(sr, hr).item() == pytest.approx(sam(sr, hr).mean().item() * pi / 180, rel=1e-5)


def test_hand_worked_value_that_brightness_does_not_change():
    """Spectra (1, 0) and (1, 1) in one pixel, equal ones in the other: 45 degrees and 0."""
    sr, hr = torch.tensor([[[[1.0, 0.2]], [[0.0, 0.4]]]]), torch.tensor([[[[1.0, 0.3]], [[1.0, 0.6]]]])
    assert SpectralAngle()(sr, hr).item() == pytest.approx(pi / 8, rel=1e-5)
    assert SpectralAngle()(3 * sr, hr).item() == pytest.approx(pi / 8, rel=1e-5)


def test_zero_at_identity_with_a_finite_gradient(scenes):
    image = scenes[1].clone().requires_grad_()
    loss = SpectralAngle()(image, scenes[1])
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert image.grad.isfinite().all()


def test_dark_pixels_of_hr_are_left_out_and_those_of_sr_have_a_bounded_slope():
    hr = torch.tensor([[[[0.5, 0.0, 0.001]], [[0.5, 0.0, 0.0]]]])
    image = torch.tensor([[[[0.0, 0.3, 0.0]], [[0.0, 0.0, 0.3]]]]).requires_grad_()
    loss = SpectralAngle(darkest=0.01)(image, hr)
    loss.backward()
    assert loss.item() == pytest.approx(pi / 2)  # of black to anything else
    assert (image.grad[..., 1:] == 0).all()
    assert image.grad.abs().max() <= 2 / 0.01
    assert (image.grad[..., 0] < 0).all()  # brighter, as hr is
    assert SpectralAngle()(hr, torch.zeros_like(hr)) == 0


def test_a_step_against_the_gradient_comes_closer(scenes):
    image, loss = scenes[0].clone().requires_grad_(), SpectralAngle()
    loss(image, scenes[1]).backward()
    assert loss(scenes[0] - 0.01 * image.grad / image.grad.abs().max(), scenes[1]) < loss(*scenes)


def test_full_precision_under_autocast(scenes):
    with torch.autocast("cpu", torch.bfloat16):
        found = SpectralAngle()(*scenes)
    assert found == SpectralAngle()(*scenes)


def test_one_band_is_refused(scenes):
    with pytest.raises(ValueError, match="at least 2 bands, got 1"):
        SpectralAngle()(*(image[:, :1] for image in scenes))
