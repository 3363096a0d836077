"""What an update is, without Lightning."""

import subprocess
import sys

import pytest
import torch
import torch.nn as nn

from sr.training.step import Guard, average, clip, constants, cut, frozen, without_sync


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


@pytest.mark.parametrize(("clip_norm", "left"), [(None, 3.0), (6.0, 3.0), (1.5, 1.5)])
def test_gradients_are_clipped_and_their_norm_is_that_before(clip_norm, left):
    network = nn.Linear(1, 1, bias=False)
    (3 * network.weight).sum().backward()
    assert clip(network, clip_norm) == 3
    assert network.weight.grad.item() == pytest.approx(left, rel=1e-5)


@pytest.mark.parametrize("fused", [True, False])
def test_the_guard_refuses_from_the_first_bad_step_on(fused):
    network, guard, norm = nn.Linear(1, 1, bias=False), Guard(), nn.BatchNorm1d(1)
    optimizer = torch.optim.Adam(network.parameters(), fused=fused)
    seen = []
    for step, value in enumerate((1.0, float("nan"), 1.0), 1):
        guard.remember(norm.buffers())
        optimizer.zero_grad()
        (value * network(norm(value * torch.ones(2, 1) * step))).sum().backward()
        guard.check([clip(network, None)], step)
        if guard.lets(optimizer):
            optimizer.step()
        guard.undo()
        seen.append((network.weight.item(), norm.running_mean.item(), norm.num_batches_tracked.item()))
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][1:] == (pytest.approx(0.1), 1)
    assert guard.first_bad_step == 2


def test_the_average_moves_slowly_late_and_fast_early_and_copies_buffers():
    mean, network = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
    nn.init.zeros_(mean.weight)
    network.running_mean.fill_(7)
    average(mean, network, 0.999, 1, torch.tensor(False))
    assert mean.weight.item() == pytest.approx(1 - 2 / 11)
    assert mean.running_mean.item() == 7
    nn.init.zeros_(mean.weight)
    average(mean, network, 0.999, 10**6, torch.tensor(False))
    assert mean.weight.item() == pytest.approx(0.001)
    average(mean, network, 0.999, 10**6, torch.tensor(True))
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


def test_constants_are_the_buffers_that_no_checkpoint_keeps():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Sequential(nn.Conv2d(3, 3, 1)))
    network[1].register_buffer("mean", torch.zeros(3), persistent=False)
    network.register_buffer("scale", torch.ones(()), persistent=False)
    assert set(constants(network)) == {"scale", "1.mean"}
    assert set(constants(network)) == {name for name, _ in network.named_buffers()} - set(network.state_dict())
