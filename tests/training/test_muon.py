import copy

import pytest
import torch
import torch.nn as nn

from sr.generators import Residual
from sr.training.muon import Muon, orthogonal


def network() -> nn.Module:
    torch.manual_seed(0)
    net = Residual(2, width=8, blocks=2)
    nn.init.normal_(net.last.weight, std=0.1)
    return net


def steps(net: nn.Module, optimizer: torch.optim.Optimizer, count: int, seed: int = 1) -> None:
    random = torch.Generator().manual_seed(seed)
    for _ in range(count):
        lr, hr = torch.rand(2, 3, 6, 6, generator=random), torch.rand(2, 3, 12, 12, generator=random)
        optimizer.zero_grad()
        (net(lr) - hr).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("shape", [(2, 8, 72), (1, 72, 8), (3, 16, 16)])
def test_vectors_stay_and_values_become_one(shape):
    torch.manual_seed(0)
    given = torch.randn(shape)
    u, _, v = torch.linalg.svd(given, full_matrices=False)
    made = orthogonal(given)
    along = u.mT @ made @ v.mT
    values = along.diagonal(dim1=-2, dim2=-1)
    assert values.min() > 0.6
    assert values.max() < 1.3
    assert (along - torch.diag_embed(values)).abs().max() < 1e-4


def test_equal_to_torchs_for_matrices():
    """torch.optim.Muon (2.9 and later), which takes nothing but matrices and computes in bfloat16."""
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this torch has none")
    torch.manual_seed(0)
    ours = [nn.Parameter(torch.randn(6, 20)) for _ in range(4)]
    theirs = [nn.Parameter(p.detach().clone()) for p in ours[1:-1]]
    mine = Muon(ours, lr=1e-2, ratio=2.0, weight_decay=0.3)
    reference = torch.optim.Muon(theirs, lr=2e-2, weight_decay=0.3, momentum=0.95)
    for _ in range(5):
        for p in ours:
            p.grad = torch.randn_like(p)
        for p, q in zip(ours[1:-1], theirs, strict=True):
            q.grad = p.grad.clone()
        mine.step()
        reference.step()
    for p, q in zip(ours[1:-1], theirs, strict=True):
        assert (p - q).abs().max() < 3e-3  # of steps of 0.1 in all


def test_first_and_last_layer_and_vectors_are_adams():
    net = network()
    other = copy.deepcopy(net)
    steps(net, Muon(net.parameters(), lr=1e-3), 1)
    steps(other, torch.optim.Adam(other.parameters(), lr=1e-3), 1)
    for (name, p), q in zip(net.named_parameters(), other.parameters(), strict=True):
        hidden = p.ndim == 4 and name.startswith("body")
        assert torch.allclose(p, q, atol=1e-7) != hidden, name


def test_a_loaded_state_goes_on_as_the_first_does():
    whole, piece = network(), network()
    optimizer = Muon(whole.parameters())
    steps(whole, optimizer, 3)
    state = copy.deepcopy(optimizer.state_dict())
    piece.load_state_dict(whole.state_dict())
    steps(whole, optimizer, 3, seed=2)
    loaded = Muon(piece.parameters(), lr=1.0, momentum=0.5)
    loaded.load_state_dict(state)
    steps(piece, loaded, 3, seed=2)
    for p, q in zip(whole.parameters(), piece.parameters(), strict=True):
        assert torch.equal(p, q)


def test_memory_format_does_not_matter():
    plain, last = network(), network().to(memory_format=torch.channels_last)
    steps(plain, Muon(plain.parameters()), 3)
    steps(last, Muon(last.parameters()), 3)
    for p, q in zip(plain.parameters(), last.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-3)


def test_what_is_not_finite_moves_nothing_where_the_step_says_so():
    net = network()
    optimizer = Muon(net.parameters())
    steps(net, optimizer, 1)
    before, momenta = copy.deepcopy(net), copy.deepcopy(optimizer.state_dict()["state"])
    for p in net.parameters():
        p.grad.fill_(torch.nan)
    optimizer.found_inf = torch.ones(())
    optimizer.step()
    for p, q in zip(net.parameters(), before.parameters(), strict=True):
        assert torch.equal(p, q)
    for now, then in zip(optimizer.state_dict()["state"].values(), momenta.values(), strict=True):
        assert all(torch.equal(now[key], then[key]) for key in now if key != "step")
