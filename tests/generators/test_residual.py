import pytest
import torch
import torch.nn as nn

from sr.generators import Compact, Residual
from sr.generators.residual import Block


def test_no_more_parameters_than_compact():
    """Compact has a PReLU behind the first convolution, too."""
    count = sum(p.numel() for p in Residual().parameters())
    assert count == sum(p.numel() for p in Compact(width=32, depth=12).parameters()) - 32


def test_training_starts_from_the_nearest_enlargement(hr):
    enlarged = hr.repeat_interleave(4, -1).repeat_interleave(4, -2)
    assert torch.equal(Residual(width=4, blocks=1)(hr), enlarged)


def test_blocks_and_all_of_them_are_added_to_what_they_are_given():
    torch.manual_seed(0)
    generator, lr = Residual(1, width=4, blocks=2), torch.rand(1, 3, 5, 5)
    nn.init.normal_(generator.last.weight)
    for block in generator.body:
        nn.init.zeros_(block[2].weight)
    assert torch.allclose(generator(lr), lr + generator.last(2 * generator.first(lr)), atol=1e-5)


@pytest.mark.parametrize("blocks", [6, 30])
def test_features_neither_vanish_nor_explode_with_depth(blocks):
    torch.manual_seed(0)
    x = torch.randn(1, 32, 16, 16)
    assert 0.5 < nn.Sequential(*(Block(32) for _ in range(blocks)))(x).std() < 20
