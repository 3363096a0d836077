import pytest
import torch
import torch.nn as nn

from sr.generators import RLFN
from sr.generators.rlfn import Block


@pytest.mark.parametrize(("scale", "count"), [(2, 128_812), (4, 139_216)])
def test_about_as_many_parameters_as_dipnet(scale, count):
    """By hand: 9 * 3 * 32 + 32 + 4 (3 (9 * 32² + 32) + 32² + 32) + 9 * 32² + 32 + (9 * 32 + 1) 3 s²."""
    assert sum(p.numel() for p in RLFN(scale).parameters()) == count


def test_layers_of_figure_2():
    torch.manual_seed(0)
    block, x = Block(4), torch.randn(1, 4, 5, 5)
    made = nn.Sequential(*(layer for c in (block.c1_r, block.c2_r, block.c3_r) for layer in (c, nn.LeakyReLU(0.05))))
    assert torch.allclose(block(x), block.c5(x + made(x)), atol=1e-6)


def test_blocks_are_added_to_what_they_are_given():
    torch.manual_seed(0)
    generator, lr = RLFN(2, width=4, blocks=2), torch.rand(1, 3, 5, 5)
    nn.init.zeros_(generator.conv_2.weight)
    nn.init.zeros_(generator.conv_2.bias)
    assert torch.equal(generator(lr), generator.upsampler(generator.conv_1(lr)))
