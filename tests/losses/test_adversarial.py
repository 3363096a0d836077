from math import log

import pytest
import torch
import torch.nn.functional as F

from sr.losses import Vanilla


def test_hand_worked_values_where_the_discriminator_knows_nothing():
    undecided = torch.zeros(4, 1)
    assert Vanilla().discriminator(undecided, undecided).item() == pytest.approx(2 * log(2))
    assert Vanilla().generator(undecided).item() == pytest.approx(log(2))


def test_equal_to_binary_cross_entropy():
    torch.manual_seed(0)
    real, fake = torch.randn(8, 1), torch.randn(8, 1)
    ones, zeros = torch.ones(8, 1), torch.zeros(8, 1)
    cross_entropy = F.binary_cross_entropy_with_logits
    expected = cross_entropy(real, ones) + cross_entropy(fake, zeros)
    assert torch.allclose(Vanilla().discriminator(real, fake), expected)
    assert torch.allclose(Vanilla().generator(fake), cross_entropy(fake, ones))


def test_discriminator_raises_real_logits_and_lowers_fake_ones():
    real, fake = torch.randn(8, 1, requires_grad=True), torch.randn(8, 1, requires_grad=True)
    Vanilla().discriminator(real, fake).backward()
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()


def test_generator_raises_fake_logits():
    fake = torch.randn(8, 1, requires_grad=True)
    Vanilla().generator(fake).backward()
    assert (fake.grad < 0).all()


def test_gradient_is_strongest_where_the_generator_is_worst():
    """Non-saturating: a fake that is seen through still learns."""
    fake = torch.tensor([-30.0, 0.0, 30.0], requires_grad=True)
    Vanilla().generator(fake).backward()
    assert fake.grad.tolist() == pytest.approx([-1 / 3, -1 / 6, 0], abs=1e-6)


def test_huge_logits_stay_finite():
    huge = torch.tensor([-1e4, 1e4])
    assert Vanilla().discriminator(huge, -huge).isfinite()
    assert Vanilla().generator(huge).isfinite()
