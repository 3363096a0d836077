import pytest
import torch
from skimage.restoration import denoise_tv_chambolle

from sr.losses import TotalVariation


def test_hand_worked_value():
    """Down: 1 and 3; across: 2 and 0."""
    assert TotalVariation()(torch.tensor([[[[0.0, 2.0], [1.0, 1.0 - 2.0]]]])).item() == pytest.approx(
        (1 + 3) / 2 + (2 + 2) / 2
    )


@pytest.mark.parametrize("channels", [1, 3, 13])
def test_zero_of_one_colour_and_large_of_noise(hr, channels):
    hr = torch.cat([hr] * 5, 1)[:, :channels]
    assert TotalVariation()(torch.full_like(hr, 0.3)) == 0
    assert TotalVariation()(hr + 0.1 * torch.randn_like(hr)) > TotalVariation()(hr) > 0


def test_falls_where_noise_is_removed(hr):
    smooth = denoise_tv_chambolle(hr[0, 0].numpy(), weight=0.1)
    assert TotalVariation()(torch.tensor(smooth)[None, None]) < 0.7 * TotalVariation()(hr[:, :1])


def test_a_step_against_the_gradient_is_smoother(hr):
    image = hr.clone().requires_grad_()
    TotalVariation()(image).backward()
    step = 0.01 * image.grad / image.grad.abs().max()
    assert TotalVariation()(hr - step) < TotalVariation()(hr)


def test_half_precision_is_summed_in_full(hr):
    with torch.autocast("cpu", torch.bfloat16):
        assert TotalVariation()(hr.bfloat16()).dtype == torch.float32
