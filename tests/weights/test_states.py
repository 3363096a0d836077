import os

import pytest
import torch
import torch.nn as nn
from safetensors.torch import save_file

from sr.generators import Compact
from sr.weights import states, store
from sr.weights.store import UnusableWeights

NETWORK = {"scale": 2, "channels": 3, "width": 4, "depth": 1}


@pytest.fixture
def state():
    torch.manual_seed(0)
    return {key: torch.rand_like(value) for key, value in Compact(**NETWORK).state_dict().items()}


def same(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("within", [None, "params_ema", "params", "state_dict"])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt"])
def test_weights_of_another_project(tmp_path, state, within, prefix, suffix):
    given = {prefix + key: value for key, value in state.items()}
    torch.save({within: given, "iter": 7} if within else given, tmp_path / f"a{suffix}")
    for read in (states.of_generator, states.of_discriminator):
        assert same(read(str(tmp_path / f"a{suffix}")), state)


def test_the_average_is_taken_where_both_are_there(tmp_path, state):
    last = {key: value + 1 for key, value in state.items()}
    torch.save({"params": last, "params_ema": state}, tmp_path / "a.pth")
    assert same(states.of_generator(str(tmp_path / "a.pth")), state)


def test_safetensors_of_ours_and_of_others(tmp_path, state):
    save_file(state, tmp_path / "theirs.safetensors")
    generator = Compact(**NETWORK)
    generator.load_state_dict(state)
    run = tmp_path / "run"
    store.save(run / "weights" / "ours.safetensors", generator, {"generator": "Compact", "arguments": NETWORK})
    for path in (tmp_path / "theirs.safetensors", run / "weights" / "ours.safetensors", run):
        assert same(states.of_generator(str(path)), state)
    assert same(states.of_discriminator(str(tmp_path / "theirs.safetensors")), state)
    assert states.of_generator("fast_x4").keys() == store.load("fast_x4")[0].state_dict().keys()


def test_a_checkpoint_of_a_run_holds_both(tmp_path, state):
    other = nn.Linear(3, 3).state_dict()
    whole = {f"generator.{key}": value + 1 for key, value in state.items()}
    whole |= {f"generator_ema.{key}": value for key, value in state.items()}
    whole |= {f"discriminator.{key}": value for key, value in other.items()}
    (tmp_path / "checkpoints").mkdir()
    last = tmp_path / "checkpoints" / "last.ckpt"
    torch.save({"about": {}, "state_dict": whole}, last)
    assert same(states.of_generator(str(last)), state)
    assert same(states.of_discriminator(str(last)), other)
    assert same(states.of_discriminator(str(tmp_path)), other)
    torch.save({"about": {}, "state_dict": {"generator.a": torch.zeros(1)}}, last)
    with pytest.raises(UnusableWeights, match="this run had no discriminator"):
        states.of_discriminator(str(tmp_path))


class Bomb:
    def __init__(self, target) -> None:
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.mark.parametrize("read", [states.of_generator, states.of_discriminator])
def test_what_is_no_state_is_refused_and_never_executed(tmp_path, state, read):
    file = tmp_path / "a.pth"
    for content, message in (
        ({"params": state | {"bomb": Bomb(tmp_path / "trace")}}, "not a checkpoint that can be read safely"),
        ({}, "no state dict, neither bare nor under params_ema, params, state_dict"),
        ({"a": 3} | state, "no state dict"),
        ([3], "no state dict"),
    ):
        torch.save(content, file)
        with pytest.raises(UnusableWeights, match=message) as told:
            read(str(file))
        assert str(file) in str(told.value)
    assert not (tmp_path / "trace").exists()
    with pytest.raises(UnusableWeights, match="no such file"):
        read(str(tmp_path / "nowhere.pth"))
