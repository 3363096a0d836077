import numpy as np
import pytest
import pywt
import torch

from sr.errors import UserError
from sr.losses import WaveletL1


def test_zero_at_identity_and_a_step_against_the_gradient_comes_closer(sr, hr):
    loss = WaveletL1()
    image, real = sr.clone().requires_grad_(), hr.clone().requires_grad_()
    assert loss(real, real) == 0
    loss(image, real.detach()).backward()
    assert loss(sr - 1e-3 * image.grad / image.grad.abs().max(), hr) < loss(sr, hr)


def test_it_is_the_published_sum_of_bands_of_y(sr, hr):
    """255 times ours: Y of 16 to 235, the low-pass filter divided by its sum, by PyWavelets."""
    y = [16 + np.einsum("chw,c->hw", x[0].double().numpy(), [65.481, 128.553, 24.966]) for x in (sr, hr)]
    low, details = pywt.swt2(y[0] - y[1], "sym7", 1)[0]
    means = [np.abs(band).mean() for band in (low / 2, details[0] / 2**0.5, details[1] / 2**0.5, details[2])]
    expected = 0.1 * means[0] + 0.01 * means[1] + 0.01 * means[2] + 0.05 * means[3]
    assert 255 * WaveletL1()(sr, hr).item() == pytest.approx(expected, rel=1e-4)


def test_by_hand():
    """A shift of brightness by 0.5 is one of LL alone, and of Y by 219 / 255 of it."""
    hr = torch.rand(1, 3, 16, 16)
    assert WaveletL1()(hr + 0.5, hr).item() == pytest.approx(0.1 * 0.5 * 219 / 255, rel=1e-4)
    gray = torch.rand(1, 4, 16, 16)
    assert WaveletL1()(gray + 0.5, gray).item() == pytest.approx(0.1 * 0.5, rel=1e-4)


@pytest.mark.parametrize("channels", [1, 4, 13])
def test_other_images_are_compared_channel_by_channel(channels):
    sr, hr = torch.rand(2, 2, channels, 16, 16)
    alone = [WaveletL1()(sr[:, [i]], hr[:, [i]]) for i in range(channels)]
    assert torch.allclose(WaveletL1()(sr, hr), torch.stack(alone).mean())


def test_bf16_training_leaves_it_in_full_precision(sr, hr):
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(WaveletL1()(sr, hr), WaveletL1()(sr, hr).float())


def test_weights_are_of_the_four_bands():
    with pytest.raises(UserError, match=r"wavelet weights of \['LL'\]: give one for each of LL, LH, HL, HH"):
        WaveletL1({"LL": 1.0})
