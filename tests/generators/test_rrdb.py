import pytest
import torch

from sr.generators import RRDBNet
from sr.generators.rrdb import DenseBlock, ResidualInResidual


def test_as_many_parameters_as_published():
    """16.70 M: table 1 of LDL (arXiv 2203.09195) and others; x2 of Real-ESRGAN sees 12 channels instead of 3."""
    count = {scale: sum(p.numel() for p in RRDBNet(scale).parameters()) for scale in (2, 4)}
    assert count[4] == 16_697_987
    assert count[2] - count[4] == 9 * 9 * 64


def test_dense_blocks_start_at_a_tenth_of_he():
    torch.manual_seed(0)
    block = DenseBlock(64, 32)
    for i in range(1, 6):
        layer = block.get_submodule(f"conv{i}")
        fan_in = layer.in_channels * 9
        assert layer.weight.std().item() == pytest.approx(0.1 * (2 / fan_in) ** 0.5, rel=0.03)
        assert not layer.bias.any()


def test_a_fifth_of_each_residual_is_added():
    torch.manual_seed(0)
    block, x = DenseBlock(4, 2), torch.rand(1, 4, 5, 5)
    torch.nn.init.zeros_(block.conv5.weight)
    torch.nn.init.ones_(block.conv5.bias)
    assert torch.allclose(block(x), x + 0.2)
    whole = ResidualInResidual(4, 2)
    whole.rdb1 = whole.rdb2 = whole.rdb3 = block
    assert torch.allclose(whole(x), x + 0.2 * (x + 0.6))


def test_names_of_the_published_network():
    state = RRDBNet(4, width=8, blocks=2, growth=4).state_dict()
    assert list(state)[:4] == ["conv_first.weight", "conv_first.bias", "body.0.rdb1.conv1.weight",
                               "body.0.rdb1.conv1.bias"]  # fmt: skip
    assert {key.split(".")[0] for key in state} == {
        "conv_first", "body", "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"
    }  # fmt: skip


@pytest.mark.parametrize(("scale", "fold"), [(1, 4), (2, 2)])
def test_a_size_that_is_no_multiple_is_reflected(scale, fold):
    torch.manual_seed(0)
    generator = RRDBNet(scale, width=4, blocks=1, growth=2).eval()
    lr = torch.rand(1, 3, 2 * fold - 1, 2 * fold)
    reflected = torch.cat([lr, lr[..., -2:-1, :]], -2)
    assert torch.equal(generator(lr), generator(reflected)[..., : lr.shape[-2] * scale, :])
