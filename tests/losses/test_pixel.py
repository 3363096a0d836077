import pytest
import torch

from sr.losses import L1, L2, Charbonnier, Huber

LOSSES = [L1(), L1(0.8), L2(), L2(0.8), Charbonnier(), Huber()]


@pytest.mark.parametrize("loss", LOSSES)
def test_zero_at_identity_and_positive_elsewhere(loss, sr, hr):
    assert loss(hr, hr) == 0
    assert loss(sr, hr) > 0
    assert loss(sr, hr) == loss(hr, sr)


@pytest.mark.parametrize(("loss", "value"), [(L1(), 0.3), (L2(), 0.18), (Charbonnier(0.8), 0.1),
                                             (Huber(0.2), 0.25), (Huber(2.0), 0.045)])  # fmt: skip
def test_hand_worked_value(loss, value):
    """Differences 0 and 0.6; for Charbonnier, sqrt(0.36 + 0.64) - 0.8 = 0.2; for Huber, 0.6 - 0.2 / 2 and 0.36 / 4."""
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


def test_huber_is_that_of_the_paper_divided_by_delta(sr, hr):
    for delta in (0.01, 0.1, 1.0):
        expected = torch.nn.functional.huber_loss(sr, hr, delta=delta) / delta
        assert Huber(delta)(sr, hr).item() == pytest.approx(expected.item(), rel=1e-5)
    assert Huber(1e-6)(sr, hr).item() == pytest.approx(L1()(sr, hr).item(), rel=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("channels", [1, 4, 13])
def test_any_channels_and_half_precision(loss, channels, sr, hr):
    sr, hr = (torch.cat([image] * 5, 1)[:, :channels] for image in (sr, hr))
    with torch.autocast("cpu", torch.bfloat16):
        assert loss(sr.bfloat16(), hr).item() == pytest.approx(loss(sr, hr).item(), rel=0.02)


def test_the_share_of_luma():
    """By hand: 0.299 R + 0.587 G + 0.114 B of a difference of 0.1, -0.2 and 0.3 is -0.0533."""
    sr, hr = torch.zeros(1, 3, 2, 2), torch.tensor([-0.1, 0.2, -0.3]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    assert L1(0.75)(sr, hr).item() == pytest.approx(0.25 * 0.2 + 0.75 * 0.0533)
    assert L2(0.75)(sr, hr).item() == pytest.approx(0.25 * 0.14 / 3 + 0.75 * 0.0533**2)
    assert L1(0.75)(sr[:, :1], hr[:, :1]) == L1()(sr[:, :1], hr[:, :1])
    sr = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        half = L1(0.75)(sr, hr[:1, :, :1, :1].expand_as(sr))
    assert half == L1(0.75)(sr, hr[:1, :, :1, :1].expand_as(sr))
