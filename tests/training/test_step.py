"""What an update is, without Lightning."""

import subprocess
import sys
from functools import partial

import pytest
import torch
import torch.nn as nn

from sr.training.step import Guard, average, cut, frozen, update, without_sync


def test_it_needs_no_lightning():
    code = ("import importlib.util, sys; spec = importlib.util.find_spec('sr'); "
            "spec = importlib.util.spec_from_file_location('step', spec.submodule_search_locations[0] + "
            "'/training/step.py'); module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module); "
            "print('pytorch_lightning' in sys.modules)")  # fmt: skip
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


def test_what_is_frozen_is_thawed_again_and_what_was_frozen_stays_so():
    network = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    network[0].requires_grad_(False)
    with pytest.raises(ZeroDivisionError), frozen([network]):
        1 / any(p.requires_grad for p in network.parameters())
    assert [p.requires_grad for p in network.parameters()] == [False, False, True, True]


@pytest.mark.parametrize(("clip_norm", "moved"), [(None, 3.0), (6.0, 3.0), (1.5, 1.5)])
def test_an_update_clips_and_sets_the_rate(clip_norm, moved):
    network, other = nn.Linear(1, 1, bias=False), nn.Linear(1, 1)
    nn.init.zeros_(network.weight)
    optimizer = torch.optim.SGD(network.parameters(), lr=123.0)
    norms = []

    def apply(norm):
        norms.append(float(norm))
        optimizer.step()

    with update(network, [other], optimizer, 1.0, clip_norm, apply):
        assert not any(p.requires_grad for p in other.parameters())
        (-3 * network.weight).sum().backward()
    assert norms == [3.0]  # before clipping
    assert network.weight.item() == pytest.approx(moved, rel=1e-5)


@pytest.mark.parametrize("fused", [True, False])
def test_the_guard_refuses_from_the_first_bad_update_on(fused):
    network, guard = nn.Linear(1, 1, bias=False), Guard()
    optimizer = torch.optim.Adam(network.parameters(), fused=fused)
    seen = []

    def apply(norm, step):
        if guard.check(norm, step, optimizer):
            optimizer.step()

    for step, value in enumerate((1.0, float("nan"), 1.0), 1):
        with update(network, [], optimizer, 0.1, None, partial(apply, step=step)):
            (value * network.weight).sum().backward()
        seen.append(network.weight.item())
    assert seen[0] == seen[1] == seen[2]
    assert guard.first_bad_step == 2
    (of_weight,) = optimizer.state.values()
    assert of_weight["step"] == 1
    assert of_weight["exp_avg"].isfinite().all()


def test_the_average_moves_slowly_late_and_fast_early_and_copies_buffers():
    mean, network = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
    nn.init.zeros_(mean.weight)
    network.running_mean.fill_(7)
    average(mean, network, 0.999, 1)
    assert mean.weight.item() == pytest.approx(1 - 2 / 11)
    assert mean.running_mean.item() == 7
    nn.init.zeros_(mean.weight)
    average(mean, network, 0.999, 10**6)
    assert mean.weight.item() == pytest.approx(0.001)


def test_pieces_add_up_and_are_exchanged_once():
    lr, hr = torch.arange(4), torch.arange(4) * 10
    pieces = cut((lr, hr), 2)
    assert [[side.tolist() for side in piece] for piece in pieces] == [[[0, 1], [0, 10]], [[2, 3], [20, 30]]]

    class Shared:
        quiet = False

        def no_sync(self):
            shared = self

            class Quiet:
                def __enter__(self):
                    shared.quiet = True

                def __exit__(self, *_):
                    shared.quiet = False

            return Quiet()

    shared = Shared()
    assert [shared.quiet for _ in without_sync(shared, pieces)] == [True, False]
