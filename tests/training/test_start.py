import pytest
import torch
import torch.nn as nn

from sr.discriminators import VGGDiscriminator
from sr.errors import UserError
from sr.generators import Compact
from sr.training.start import start


class System(nn.Module):
    """What `start` looks at."""

    trained_networks = ("generator", "discriminator")

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.generator, self.generator_ema = Compact(2, width=4, depth=1), Compact(2, width=4, depth=1)
        self.discriminator = VGGDiscriminator(width=2, grid=1, dense=3)


@pytest.fixture
def system():
    return System()


def random(network: nn.Module) -> dict:
    """Weights for it, none of which it has."""
    return {key: torch.rand_like(value) + 2 if value.is_floating_point() else value
            for key, value in network.state_dict().items()}  # fmt: skip


def holds(network: nn.Module, state: dict) -> bool:
    return all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


def begin(system, folder, generator=None, discriminator=None) -> None:
    named = [None if path is None else str(path) for path in (generator, discriminator)]
    assert start(system, folder, named[0], None, named[1]) is None


def test_the_generator_and_its_average_start_from_weights_of_another_project(system, tmp_path):
    state, before = random(system.generator), random(system.discriminator)
    system.discriminator.load_state_dict(before)
    torch.save({"params_ema": state}, tmp_path / "a.pth")
    begin(system, tmp_path, tmp_path / "a.pth")
    assert holds(system.generator, state)
    assert holds(system.generator_ema, state)
    assert holds(system.discriminator, before)


def test_the_discriminator_starts_from_weights_of_its_own(system, tmp_path):
    state, before = random(system.discriminator), system.generator.state_dict()
    torch.save({"params": {f"module.{key}": value for key, value in state.items()}}, tmp_path / "netD.pth")
    begin(system, tmp_path, discriminator=tmp_path / "netD.pth")
    assert holds(system.discriminator, state)
    assert holds(system.generator, before)


def test_a_run_gives_both(system, tmp_path):
    generator, discriminator = random(system.generator), random(system.discriminator)
    whole = {f"generator_ema.{key}": value for key, value in generator.items()}
    whole |= {f"discriminator.{key}": value for key, value in discriminator.items()}
    (tmp_path / "checkpoints").mkdir()
    torch.save({"about": {}, "state_dict": whole}, tmp_path / "checkpoints" / "last.ckpt")
    begin(system, tmp_path, tmp_path / "checkpoints" / "last.ckpt", tmp_path)
    assert holds(system.generator, generator)
    assert holds(system.discriminator, discriminator)


@pytest.mark.parametrize("which", ["generator", "discriminator"])
def test_weights_of_another_network_are_refused_and_none_is_taken(system, tmp_path, which):
    network = system.get_submodule(which)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    state = random(network)
    first = next(iter(state))
    shape = tuple(state[first].shape)
    option = {"generator": "init_from", "discriminator": "init_discriminator_from"}[which]
    for changed, there in (({first: torch.zeros(9, 9)}, r"\(9, 9\)"), ({"more": torch.zeros(1)}, r"\(1,\)")):
        torch.save(state | changed, tmp_path / "a.pth")
        count = len(state | changed)
        with pytest.raises(
            UserError, match=rf"^{option}=.*a\.pth: 1 of {count} tensors are not those of this "
        ) as told:
            begin(system, tmp_path, **{which: tmp_path / "a.pth"})
        here = str(shape) if first in changed else "nothing"
        assert f"{next(iter(changed))}, {there} there".replace("\\", "") in str(told.value)
        assert f"{here} here" in str(told.value)
        assert f"compare {which}=..." in str(told.value)
    assert holds(network, before)


@pytest.mark.parametrize("which", ["generator", "discriminator"])
def test_what_is_not_finite_or_not_there_is_refused(system, tmp_path, which):
    state = random(system.get_submodule(which))
    next(iter(state.values())).view(-1)[0] = float("nan")
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(UserError, match="holds NaN or infin"):
        begin(system, tmp_path, **{which: tmp_path / "a.pth"})
    with pytest.raises(UserError, match=r"nowhere\.pth: no such file"):
        begin(system, tmp_path, **{which: tmp_path / "nowhere.pth"})


def test_a_run_without_a_discriminator_says_so(system, tmp_path):
    system.trained_networks = ("generator",)
    with pytest.raises(UserError, match="this run trains none; system=adversarial does"):
        begin(system, tmp_path, discriminator=tmp_path)
