import pytest
import torch

from sr.losses import Phases
from sr.metrics import checkerboard

SCALE = 4


@pytest.fixture
def lr() -> torch.Tensor:
    return torch.zeros(2, 3, 16, 24)


def image(lr: torch.Tensor) -> torch.Tensor:
    return torch.rand(2, 3, SCALE * 16, SCALE * 24, generator=torch.Generator().manual_seed(0))


def test_hand_worked_value(lr):
    """One of the 16 places is too bright by 1: 15/16 there, 1/16 at the 15 others."""
    hr = image(lr)
    sr = hr.clone()
    sr[..., 1::SCALE, 2::SCALE] += 1
    assert Phases()(sr, hr, lr).item() == pytest.approx((15 / 16 + 15 * (1 / 16)) / 16, rel=1e-4)


def test_nothing_of_equal_images_of_another_colour_or_at_scale_one(lr):
    hr = image(lr)
    assert Phases()(hr, hr, lr) == 0
    assert Phases()(hr + 0.1, hr, lr).item() == pytest.approx(0, abs=1e-6)
    assert Phases()(torch.rand_like(lr), lr, lr) == 0


def test_a_weave_costs_more_than_noise_of_its_size(lr):
    hr = image(lr)
    weave = torch.randn(1, 1, SCALE, SCALE, generator=torch.Generator().manual_seed(1)).tile(1, 1, 16, 24)
    noise = torch.randn(2, 3, SCALE * 16, SCALE * 24, generator=torch.Generator().manual_seed(1))
    assert Phases()(hr + weave, hr, lr) > 5 * Phases()(hr + noise, hr, lr)  # 64 pixels to a mean: a factor of 8


def test_a_weave_that_differs_from_place_to_place_is_found_in_each(lr):
    hr = image(lr)
    weave = torch.zeros_like(hr)
    weave[..., ::SCALE], weave[..., 2::SCALE] = 0.1, -0.1
    weave[..., SCALE * 12 :] *= -1
    assert checkerboard(hr + weave, hr, lr).max() < 1e-6  # whose mean over the image is none
    assert Phases()(hr + weave, hr, lr) > 0.5 * weave.abs().mean()


def test_small_crops_and_gradients(lr):
    small = lr[..., :5, :5]
    sr = torch.rand(2, 3, 20, 20, requires_grad=True)
    Phases()(sr, torch.rand(2, 3, 20, 20), small).backward()
    assert sr.grad.abs().sum() > 0
