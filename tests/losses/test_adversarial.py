"""Properties of the adversarial losses, mostly with a discriminator whose logits are the images themselves."""

from math import log

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from sr.losses import Vanilla

D, LR = nn.Identity(), torch.zeros(())


def discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return Vanilla().discriminator(D, real, fake, LR)[0]


def generator(fake: Tensor) -> Tensor:
    return Vanilla().generator(D, fake, torch.zeros_like(fake), LR)[0]


def test_hand_worked_values():
    undecided = torch.zeros(4, 1)
    assert discriminator(undecided, undecided).item() == pytest.approx(2 * log(2))
    assert generator(undecided).item() == pytest.approx(log(2))
    # D = 3/4 on the real image and 1/5 on the generated one: -log(3/4) - log(1 - 1/5), and -log(1/5).
    real, fake = torch.tensor([[log(3)]]), torch.tensor([[-log(4)]])
    assert discriminator(real, fake).item() == pytest.approx(log(4 / 3) + log(5 / 4))
    assert generator(fake).item() == pytest.approx(log(5))


def test_equal_to_binary_cross_entropy():
    torch.manual_seed(0)
    real, fake = torch.randn(8, 1), torch.randn(8, 1)
    ones, zeros = torch.ones(8, 1), torch.zeros(8, 1)
    cross_entropy = F.binary_cross_entropy_with_logits
    assert torch.allclose(discriminator(real, fake), cross_entropy(real, ones) + cross_entropy(fake, zeros))
    assert torch.allclose(generator(fake), cross_entropy(fake, ones))


def test_discriminator_falls_when_real_logits_rise_or_fake_ones_fall():
    real, fake = torch.randn(8, 1, requires_grad=True), torch.randn(8, 1, requires_grad=True)
    discriminator(real, fake).backward()
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()
    assert discriminator(real + 1, fake) < discriminator(real, fake) < discriminator(real, fake + 1)


def test_generator_raises_fake_logits():
    fake = torch.randn(8, 1, requires_grad=True)
    generator(fake).backward()
    assert (fake.grad < 0).all()


def test_generator_moves_its_images_towards_real_ones():
    """Where D tells bright (real) from dark (generated), a step against the gradient makes every image brighter."""

    class Bright(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return image.mean((1, 2, 3)).unsqueeze(1) - 0.5

    hr = torch.ones(2, 3, 8, 8)
    sr = torch.zeros(2, 3, 8, 8, requires_grad=True)
    Vanilla().generator(Bright(), sr, hr, LR)[0].backward()
    assert ((hr - sr) * -sr.grad > 0).all()


def test_gradient_is_strongest_where_the_generator_is_worst():
    """Non-saturating: a fake that is seen through still learns."""
    fake = torch.tensor([-30.0, 0.0, 30.0], requires_grad=True)
    generator(fake).backward()
    assert fake.grad.tolist() == pytest.approx([-1 / 3, -1 / 6, 0], abs=1e-6)


def test_huge_logits_stay_finite():
    huge = torch.tensor([-1e4, 1e4])
    assert discriminator(huge, -huge).isfinite()
    assert generator(huge).isfinite()


def test_parts_are_the_mean_logits_without_a_gradient():
    real, fake = torch.tensor([1.0, 3.0], requires_grad=True), torch.tensor([-4.0, -6.0], requires_grad=True)
    loss, parts = Vanilla().discriminator(D, real, fake, LR)
    assert loss.requires_grad
    assert {name: part.item() for name, part in parts.items()} == {"logits/real": 2, "logits/fake": -5}
    assert all(part.shape == () and not part.requires_grad for part in parts.values())
    assert Vanilla().generator(D, fake, real, LR)[1] == {}
