"""Properties of the adversarial losses, mostly with a discriminator whose logits are the images themselves."""

from math import exp, log

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from sr.discriminators import VGGDiscriminator
from sr.losses import Adversarial, Hinge, LeastSquares, RelativisticAverage, Vanilla, Wasserstein
from sr.losses.penalties import between

KINDS = [Vanilla, LeastSquares, Hinge, Wasserstein, RelativisticAverage]
LR = torch.zeros(())


class Itself(nn.Module):
    """Logits are the images, or images weighed; inner activations are twice and three times the image."""

    def __init__(self, scales: int = 1, weight: float | None = None):
        super().__init__()
        self.scales, self.weight = scales, weight

    def forward(self, image, hr=None, features=False):
        logits = image if self.weight is None else self.weight * image
        logits = logits if self.scales == 1 else [logits * (i + 1) for i in range(self.scales)]
        return (logits, [2 * image, 3 * image]) if features else logits


D = Itself()


def made(kind: type, **options) -> Adversarial:
    return kind(**({"gradient_penalty": 0.0} if kind is Wasserstein else {}), **options)


def discriminator(real: Tensor, fake: Tensor, kind: type = Vanilla, **options) -> Tensor:
    return made(kind, **options).discriminator(D, real, fake, LR)[0]


def generator(fake: Tensor, real: Tensor | None = None, kind: type = Vanilla) -> Tensor:
    return made(kind).generator(D, fake, torch.zeros_like(fake) if real is None else real, LR)[0]


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


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def test_hand_worked_values_of_the_other_kinds():
    """Logits 0.5 and 3 on real images, -2 and 1 on generated ones."""
    real, fake = torch.tensor([[0.5], [3.0]]), torch.tensor([[-2.0], [1.0]])
    expected = {
        LeastSquares: ((0.25 + 4) / 2 / 2 + (4 + 1) / 2 / 2, (9 + 0) / 2 / 2),
        Hinge: ((0.5 + 0) / 2 + (0 + 2) / 2, 0.5),
        Wasserstein: (-0.5 - 1.75, 0.5),
    }
    for kind, (for_d, for_g) in expected.items():
        assert discriminator(real, fake, kind).item() == pytest.approx(for_d)
        assert generator(fake, real, kind).item() == pytest.approx(for_g)
    lead, lag = (0.5 + 0.5, 3 + 0.5), (-2 - 1.75, 1 - 1.75)  # against the other kind's means, -0.5 and 1.75
    for_d = (-sum(log(sigmoid(x)) for x in lead) / 2 - sum(log(1 - sigmoid(x)) for x in lag) / 2) / 2
    for_g = (-sum(log(1 - sigmoid(x)) for x in lead) / 2 - sum(log(sigmoid(x)) for x in lag) / 2) / 2
    assert discriminator(real, fake, RelativisticAverage).item() == pytest.approx(for_d)
    assert generator(fake, real, RelativisticAverage).item() == pytest.approx(for_g)


@pytest.mark.parametrize("kind", KINDS)
def test_discriminator_falls_when_real_logits_rise_or_fake_ones_fall(kind):
    torch.manual_seed(0)
    real, fake = (0.3 * torch.randn(8, 1) for _ in range(2))  # within the hinge's margin
    real.requires_grad_(), fake.requires_grad_()
    made(kind, r1=0).judge(real, fake).backward()
    if kind is LeastSquares:  # which pulls back what is beyond its labels
        assert (real.grad * (1 - real) < 0).all()
        assert (fake.grad * fake > 0).all()
        return
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()
    assert discriminator(real + 1, fake, kind) < discriminator(real, fake, kind) < discriminator(real, fake + 1, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_generator_raises_fake_logits(kind):
    torch.manual_seed(0)
    fake = torch.rand(8, 1, requires_grad=True)
    generator(fake, torch.rand(8, 1), kind).backward()
    assert (fake.grad < 0).all()


@pytest.mark.parametrize("kind", [Vanilla, LeastSquares, RelativisticAverage])
def test_smoothing_is_the_loss_for_labels_below_one(kind):
    torch.manual_seed(0)
    real, fake = torch.randn(8, 1), torch.randn(8, 1)
    labels, zeros = torch.full((8, 1), 0.9), torch.zeros(8, 1)
    cross_entropy = F.binary_cross_entropy_with_logits
    expected = {
        Vanilla: lambda: cross_entropy(real, labels) + cross_entropy(fake, zeros),
        LeastSquares: lambda: (F.mse_loss(real, labels) + F.mse_loss(fake, zeros)) / 2,
        RelativisticAverage: lambda: (
            cross_entropy(real - fake.mean(), labels) + cross_entropy(fake - real.mean(), zeros)
        ) / 2,
    }  # fmt: skip
    assert discriminator(real, fake, kind, smoothing=0.1).item() == pytest.approx(expected[kind]().item(), rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_several_scales_count_alike(kind):
    torch.manual_seed(0)
    real, fake, loss = torch.rand(4, 1), torch.rand(4, 1), made(kind)
    both = loss.discriminator(Itself(scales=2), real, fake, LR)[0]
    assert both.item() == pytest.approx(sum(loss.judge(i * real, i * fake).item() for i in (1, 2)) / 2, rel=1e-5)
    both = loss.generator(Itself(scales=2), fake, real, LR)[0]
    assert both.item() == pytest.approx(sum(loss.fool(i * fake, i * real).item() for i in (1, 2)) / 2, rel=1e-5)


def test_r1_is_half_the_squared_slope_on_real_images():
    """Two pixels of D = mean(3 x): slope 1.5 at each; 1/2 (1.5^2 + 1.5^2) = 2.25."""
    real, fake = torch.rand(3, 1, 1, 2), torch.rand(3, 1, 1, 2)
    steep = Itself(weight=3.0)
    loss, parts = Hinge(r1=10.0).discriminator(steep, real, fake, LR)
    assert parts["loss/r1"].item() == pytest.approx(2.25)
    assert loss.item() == pytest.approx(Hinge().discriminator(steep, real, fake, LR)[0].item() + 22.5, rel=1e-5)


def test_gradient_penalty_wants_a_slope_of_one():
    """Of D = mean(w x) over two pixels the slope has the norm w / sqrt(2)."""
    real, fake = torch.rand(3, 1, 1, 2), torch.rand(3, 1, 1, 2)
    for weight, penalty in ((2**0.5, 0.0), (3 * 2**0.5, 4.0)):
        loss, parts = Wasserstein().discriminator(Itself(weight=weight), real, fake, LR)
        assert parts["loss/gradient_penalty"].item() == pytest.approx(penalty, abs=1e-5)
        assert loss.item() == pytest.approx(weight * (fake.mean() - real.mean()).item() + 10 * penalty, abs=1e-4)


@pytest.mark.parametrize("options", [{"r1": 1.0}, {"gradient_penalty": 1.0}])
@pytest.mark.parametrize("bf16", [False, True])
def test_penalties_reach_the_discriminators_weights_in_full_precision(options, bf16):
    torch.manual_seed(0)
    net = VGGDiscriminator(width=2, grid=1, dense=2, norm=False)
    real, fake = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)

    def gradients(**options) -> list[Tensor]:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss, _ = Vanilla(**options).discriminator(net, real, fake, LR)
        return torch.autograd.grad(loss, list(net.parameters()))

    plain, more = gradients(), gradients(**options)
    assert all(gradient.isfinite().all() for gradient in more)
    assert not torch.equal(plain[0], more[0])


def test_between_is_drawn_from_the_image_alone():
    torch.manual_seed(0)
    hr, sr = torch.rand(64, 3, 8, 8), torch.zeros(64, 3, 8, 8)
    mixed = between(hr, sr)
    t = 1 - (mixed / hr).flatten(1).mean(1)
    assert t.min() >= 0
    assert t.max() < 1
    assert 0.35 < t.mean() < 0.65
    assert 0.2 < t.std() < 0.4
    assert torch.equal(between(hr[10:20], sr[10:20]), mixed[10:20])
    assert not mixed.requires_grad


def test_feature_matching_compares_inner_activations():
    """Activations 2 x and 3 x: mean of 2 |d| and 3 |d|; its gradient draws sr to hr."""
    hr, sr = torch.full((2, 1), 0.8), torch.full((2, 1), 0.4, requires_grad=True)
    loss, parts = Hinge(feature_matching=10.0).generator(D, sr, hr, LR)
    assert parts["loss/feature_matching"].item() == pytest.approx(2.5 * 0.4)
    assert loss.item() == pytest.approx(-0.4 + 10 * 2.5 * 0.4)
    assert not parts["loss/feature_matching"].requires_grad
    loss.backward()
    assert (sr.grad < 0).all()


def test_one_pass_where_no_batch_norm_would_mix_the_images():
    calls = []

    def count(module, arguments, output):
        calls.append(len(arguments[0]))

    for norm, expected in ((False, [6]), (True, [3, 3])):
        net = VGGDiscriminator(width=2, grid=1, dense=2, norm=norm)
        net.register_forward_hook(count)
        real, fake = torch.rand(3, 3, 16, 16), torch.rand(3, 3, 16, 16)
        loss, _ = Vanilla().discriminator(net, real, fake, LR)
        assert calls == expected
        calls.clear()
        if not norm:
            assert torch.allclose(loss, F.softplus(-net(real)).mean() + F.softplus(net(fake)).mean())
        calls.clear()


def test_accuracy_is_the_share_of_places_told_apart():
    real, fake = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([0.0, 3.0, 2.0, 1.0])
    assert Hinge().discriminator(D, real, fake, LR)[1]["accuracy"] == 0.75


def test_generator_moves_its_images_towards_real_ones():
    """Where D tells bright (real) from dark (generated), a step against the gradient makes every image brighter."""

    class Bright(nn.Module):
        def forward(self, image: Tensor, hr: Tensor) -> Tensor:
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
    expected = {"logits/real": 2, "logits/fake": -5, "accuracy": 1}
    assert {name: part.item() for name, part in parts.items()} == expected
    assert all(part.shape == () and not part.requires_grad for part in parts.values())
    assert Vanilla().generator(D, fake, real, LR)[1] == {}
