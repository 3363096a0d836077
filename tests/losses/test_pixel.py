import pytest
import torch

from sr.losses import L1, L2, Charbonnier

LOSSES = [L1(), L2(), Charbonnier()]


@pytest.mark.parametrize("loss", LOSSES)
def test_zero_at_identity_and_positive_elsewhere(loss, sr, hr):
    assert loss(hr, hr) == 0
    assert loss(sr, hr) > 0
    assert loss(sr, hr) == loss(hr, sr)


@pytest.mark.parametrize(("loss", "value"), [(L1(), 0.3), (L2(), 0.18), (Charbonnier(0.8), 0.1)])
def test_hand_worked_value(loss, value):
    """Differences 0 and 0.6; for Charbonnier, sqrt(0.36 + 0.64) - 0.8 = 0.2."""
    assert loss(torch.tensor([0.5, 0.8]), torch.tensor([0.5, 0.2])).item() == pytest.approx(value)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_against_the_gradient_comes_closer(loss, sr, hr):
    image = sr.clone().requires_grad_()
    loss(image, hr).backward()
    step = 0.01 * image.grad / image.grad.abs().max()
    assert loss(sr - step, hr) < loss(sr, hr)


def test_charbonnier_is_l1_far_from_zero_and_smooth_near_it():
    assert Charbonnier(1e-3)(torch.ones(1), torch.zeros(1)).item() == pytest.approx(1, abs=2e-3)
    same = torch.zeros(1, requires_grad=True)
    Charbonnier()(same, torch.zeros(1)).backward()
    assert same.grad == 0
