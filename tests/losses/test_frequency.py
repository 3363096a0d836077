import numpy as np
import pytest
import torch

from sr.losses import L2, FocalFrequency


def by_numpy(sr, hr, alpha):
    difference = np.fft.fft2(sr, norm="ortho") - np.fft.fft2(hr, norm="ortho")
    weight = np.abs(difference) ** alpha
    return (weight / weight.max((-2, -1), keepdims=True) * np.abs(difference) ** 2).mean()


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("channels", [1, 4])
def test_equal_to_the_definition(sr, hr, alpha, channels):
    sr, hr = (torch.cat([image, image.flip(1)], 1)[:, :channels, :40, :37] for image in (sr, hr))
    expected = by_numpy(sr.double().numpy(), hr.double().numpy(), alpha)
    assert FocalFrequency(alpha)(sr, hr).item() == pytest.approx(expected, rel=1e-4)


def test_hand_worked_value():
    """Differences 3 and 1 in two pixels: frequencies 4 and 2, each over root 2; (1 x 8 + 1/2 x 2) / 2."""
    sr, hr = torch.tensor([[[[3.0, 1.0]]]]), torch.zeros(1, 1, 1, 2)
    assert FocalFrequency()(sr, hr).item() == pytest.approx(4.5)


def test_without_focus_it_is_the_mean_squared_error(sr, hr):
    assert FocalFrequency(0.0)(sr, hr).item() == pytest.approx(L2()(sr, hr).item(), rel=1e-5)


def test_zero_at_identity_with_a_finite_gradient(hr):
    image = hr.clone().requires_grad_()
    loss = FocalFrequency()(image, hr)
    loss.backward()
    assert loss == 0
    assert (image.grad == 0).all()


def test_a_step_against_the_gradient_comes_closer(sr, hr):
    image, loss = sr.clone().requires_grad_(), FocalFrequency()
    loss(image, hr).backward()
    assert loss(sr - 0.01 * image.grad / image.grad.abs().max(), hr) < loss(sr, hr)


def test_the_weights_have_no_gradient(sr, hr):
    """Otherwise it would be 3/2 of that: the loss grows as the cube where one frequency alone differs."""
    image = (hr + 0.1).requires_grad_()
    FocalFrequency()(image, hr).backward()
    assert image.grad.mean().item() == pytest.approx(2 * 0.1 / hr.numel(), rel=1e-3)


def test_full_precision_under_autocast(sr, hr):
    with torch.autocast("cpu", torch.bfloat16):
        found = FocalFrequency()(sr, hr)
        assert FocalFrequency()(sr.bfloat16(), hr).isfinite()
    assert found == FocalFrequency()(sr, hr)
