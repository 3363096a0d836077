from copy import deepcopy

import pytest
import torch
import torch.nn as nn

from sr.discriminators.spectral import SpectralConv2d


def test_it_equals_torch_s_spectral_norm_step_by_step():
    torch.manual_seed(0)
    ours = SpectralConv2d(3, 8, 4, 2, padding=1)
    theirs = nn.utils.spectral_norm(nn.Conv2d(3, 8, 4, 2, padding=1))
    assert set(ours.state_dict()) == set(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    x = torch.rand(2, 3, 16, 16)
    for _ in range(3):
        a, b = ours(x), theirs(x)
        assert torch.allclose(a, b, atol=1e-6)
        a.square().sum().backward()
        b.square().sum().backward()
        assert torch.allclose(ours.weight_orig.grad, theirs.weight_orig.grad, rtol=1e-4, atol=1e-6)
    assert torch.allclose(ours.weight_v, theirs.weight_v, atol=1e-6)


def test_the_largest_singular_value_is_one():
    torch.manual_seed(0)
    conv = SpectralConv2d(4, 6, 1, bias=False)
    conv.weight_orig.data *= 7
    x = torch.rand(1, 4, 1, 1)
    for _ in range(50):
        conv(x)
    weight = torch.cat([conv(unit.view(1, 4, 1, 1)).flatten()[:, None] for unit in torch.eye(4)], dim=1)
    assert torch.linalg.svdvals(weight)[0].item() == pytest.approx(1, abs=1e-4)


def test_evaluation_changes_nothing():
    conv = SpectralConv2d(2, 2, 3).eval()
    before = conv.weight_u.clone()
    conv(torch.rand(1, 2, 4, 4))
    assert torch.equal(conv.weight_u, before)
    conv.train()(torch.rand(1, 2, 4, 4))
    assert not torch.equal(conv.weight_u, before)


def test_sigma_is_in_full_precision_under_autocast():
    torch.manual_seed(0)
    conv = SpectralConv2d(2, 3, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert conv(torch.rand(1, 2, 4, 4)).dtype == torch.bfloat16
    matrix = conv.weight_orig.flatten(1)
    sigma = conv.weight_u @ matrix @ conv.weight_v
    assert sigma.item() == pytest.approx(torch.linalg.svdvals(matrix)[0].item(), rel=1e-2)
    assert conv.weight_u.norm().item() == pytest.approx(1, abs=1e-6)  # not rounded to 8 bits


@pytest.mark.slow
def test_compiled_it_is_the_same_two_calls_a_backward():
    torch.manual_seed(0)
    plain = SpectralConv2d(3, 8, 4, 2, padding=1)
    compiled = deepcopy(plain)
    compiled.compile()
    x, y = torch.rand(2, 2, 3, 16, 16)
    for _ in range(2):
        for conv in (plain, compiled):
            conv.zero_grad()
            (conv(x).square().mean() - conv(y).mean()).backward()
        assert torch.allclose(plain.weight_orig.grad, compiled.weight_orig.grad, atol=1e-6)
        assert torch.allclose(plain.weight_u, compiled.weight_u, atol=1e-6)
