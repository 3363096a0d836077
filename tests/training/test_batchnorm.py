"""Batch norm of two processes against nn.BatchNorm2d on the whole batch."""

from copy import deepcopy
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as processes
import torch.nn as nn

from sr.training.batchnorm import SharedBatchNorm, share


def network() -> nn.Module:
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.BatchNorm2d(4, affine=False),
                         nn.Flatten(), nn.Linear(144, 2), nn.BatchNorm1d(2, momentum=None))  # fmt: skip
    nn.init.normal_(made[1].weight)
    return made.double()


def batches() -> torch.Tensor:
    return torch.randn(3, 8, 3, 8, 8, generator=torch.Generator().manual_seed(1)).double() + 5


def one_share(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    shared = network()
    share(shared)
    for batch in batches():
        shared.zero_grad()
        shared(batch[rank::2]).square().sum().backward()
        for parameter in shared.parameters():  # each process has the gradient of its own share of the loss
            dist.all_reduce(parameter.grad)
    if rank == 0:
        gradients = [p.grad for p in shared.parameters()]
        torch.save([gradients, shared.state_dict(), shared.eval()(batches()[0])], Path(folder) / "seen.pt")
    dist.destroy_process_group()


def test_two_processes_are_as_one(tmp_path):
    processes.spawn(one_share, (str(tmp_path),), nprocs=2)
    gradients, state, enlarged = torch.load(tmp_path / "seen.pt")
    whole = network()
    for batch in batches():
        whole.zero_grad()
        whole(batch).square().sum().backward()
    for a, b in zip(gradients, whole.parameters(), strict=True):
        torch.testing.assert_close(a, b.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(state, whole.state_dict(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(enlarged, whole.eval()(batches()[0]), rtol=1e-5, atol=1e-6)


def test_names_and_parameters_stay():
    plain = network()
    parameters, keys = list(plain.parameters()), list(plain.state_dict())
    share(plain)
    assert all(a is b for a, b in zip(plain.parameters(), parameters, strict=True))
    assert list(plain.state_dict()) == keys
    assert sum(isinstance(module, SharedBatchNorm) for module in plain.modules()) == 3
    assert type(deepcopy(plain)[1]) is SharedBatchNorm


@pytest.mark.parametrize("channels_last", [False, True])
def test_in_eval_it_is_plain(channels_last):
    plain, shared = network().float().eval(), network().float().eval()
    share(shared)
    images = torch.randn(2, 3, 8, 8)
    images = images.to(memory_format=torch.channels_last) if channels_last else images
    assert torch.equal(plain(images), shared(images))
