import pytest
import torch

from sr.losses import L1, L2, WeightedSum


class Spy(L1):
    """L1 that remembers whether it was asked for a gradient."""

    def forward(self, sr, hr):
        self.with_gradient = torch.is_grad_enabled()
        return super().forward(sr, hr)


def test_sum_and_parts(sr, hr):
    total, parts = WeightedSum({"l1": L1(), "l2": L2()}, {"l1": 0.5, "l2": 3.0})(sr, hr)
    assert torch.allclose(total, 0.5 * L1()(sr, hr) + 3 * L2()(sr, hr))
    assert parts == {"l1": L1()(sr, hr), "l2": L2()(sr, hr)}
    assert total.shape == ()


def test_parts_carry_no_gradient(sr, hr):
    total, parts = WeightedSum({"l1": L1()}, {"l1": 1.0})(sr.clone().requires_grad_(), hr)
    assert total.requires_grad
    assert not parts["l1"].requires_grad


def test_gradient_is_the_weighted_sum_of_gradients(sr, hr):
    def gradient(loss):
        image = sr.clone().requires_grad_()
        return torch.autograd.grad(loss(image), image)[0]

    weighted = WeightedSum({"l1": L1(), "l2": L2()}, {"l1": 0.5, "l2": 3.0})
    expected = 0.5 * gradient(lambda x: L1()(x, hr)) + 3 * gradient(lambda x: L2()(x, hr))
    assert torch.allclose(gradient(lambda x: weighted(x, hr)[0]), expected)


def test_weight_0_is_computed_for_information_only(sr, hr):
    seen = Spy()
    image = sr.clone().requires_grad_()
    total, parts = WeightedSum({"main": L2(), "seen": seen}, {"main": 1.0, "seen": 0.0})(image, hr)
    assert parts["seen"] == L1()(sr, hr)
    assert not seen.with_gradient
    assert torch.equal(total, L2()(sr, hr))
    WeightedSum({"seen": seen}, {"seen": 1.0})(image, hr)
    assert seen.with_gradient


@pytest.mark.parametrize(("terms", "weights"), [(["a"], ["b"]), (["a", "b"], ["a"]), (["a"], ["a", "b"]), ([], [])])
def test_names_that_differ_are_refused_with_both_sets(terms, weights):
    with pytest.raises(ValueError, match="differ") as refusal:
        WeightedSum({name: L1() for name in terms}, dict.fromkeys(weights, 1.0))
    assert str(terms) in str(refusal.value)
    assert str(weights) in str(refusal.value)


def test_a_term_set_to_null_in_a_config_is_left_out(sr, hr):
    _, parts = WeightedSum({"l1": L1(), "l2": None}, {"l1": 1.0})(sr, hr)
    assert set(parts) == {"l1"}


class OfInputs(torch.nn.Module):
    """Told apart by its weights: 100 sr + 10 average + lr, of numbers."""

    inputs = ("lr", "average", "sr")

    def forward(self, lr, average, sr):
        return lr + 10 * average + 100 * sr


class Consistent(OfInputs):
    inputs = ("sr", "lr")

    def forward(self, sr, lr):
        return sr - lr


def test_each_term_gets_what_it_names_in_its_order():
    total = WeightedSum({"pixel": L1(), "of": OfInputs(), "seen": Consistent()}, {"pixel": 1, "of": 1, "seen": 0})
    assert total.inputs == ("sr", "hr", "lr", "average")
    images = {name: torch.tensor(value) for name, value in {"hr": 5.0, "lr": 7.0, "average": 4.0}.items()}
    value, parts = total(torch.tensor(2.0), **images)
    assert {name: part.item() for name, part in parts.items()} == {"pixel": 3, "of": 247, "seen": -5}
    assert value == 250


def test_inputs_are_those_of_the_terms():
    assert WeightedSum({"l1": L1()}, {"l1": 1}).inputs == ("sr", "hr")
    assert WeightedSum({"lr": Consistent()}, {"lr": 0}).inputs == ("sr", "hr", "lr")


def test_inputs_that_there_are_not_are_refused():
    loss = Consistent()
    loss.inputs = ("sr", "depth")
    with pytest.raises(ValueError, match=r"inputs \['depth'\] of a loss: it can name sr, hr, lr, average"):
        WeightedSum({"own": loss}, {"own": 1})
