import pytest
import torch
import torch.nn.functional as F

from sr.generators import SRResNet


def small(**options) -> SRResNet:
    torch.manual_seed(0)
    return SRResNet(**({"width": 4, "blocks": 1} | options))


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("channels", [1, 3, 4, 13])
def test_shapes_at_odd_sizes(scale, channels):
    sr = small(scale=scale, channels=channels)(torch.rand(2, channels, 7, 5))
    assert sr.shape == (2, channels, 7 * scale, 5 * scale)


@pytest.mark.parametrize("scale", [0, 1, 5, 16])
def test_other_scales_are_refused(scale):
    with pytest.raises(ValueError, match=rf"no scale {scale}; choose one of \[2, 3, 4, 8\]"):
        small(scale=scale)


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("scale", [3, 4])
def test_gradient_reaches_every_parameter(norm, scale):
    generator = small(norm=norm, scale=scale, blocks=2)
    generator(torch.rand(2, 3, 6, 6)).square().sum().backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_as_many_parameters_as_published():
    """Ledig et al. print no number; table 1 of EDSR (arXiv 1707.02921) says 1.5 M."""
    count = sum(parameter.numel() for parameter in SRResNet().parameters())
    assert count == 1_547_350
    assert 1.5e6 < count < 1.6e6


def test_layers_of_figure_4():
    generator = SRResNet()
    assert len(generator.body) == 16 + 2
    assert generator.head[0].kernel_size == generator.tail.kernel_size == (9, 9)
    assert [step[0].out_channels for step in generator.upsample] == [256, 256]


def test_norm_can_be_left_out():
    kinds = {type(module).__name__ for module in small(norm=False).modules()}
    assert "BatchNorm2d" not in kinds


def test_with_skip_training_starts_from_bicubic(hr):
    sr = small(skip=True)(hr)
    assert torch.allclose(sr, F.interpolate(hr, scale_factor=4, mode="bicubic", align_corners=False))


def test_the_body_is_added_to_what_it_was_given(hr):
    generator = small(norm=False)
    torch.nn.init.zeros_(generator.body[-2].weight)
    torch.nn.init.zeros_(generator.body[-2].bias)
    assert torch.equal(generator(hr), generator.tail(generator.upsample(generator.head(hr))))


def test_residual_blocks_add_to_their_input():
    block = small(norm=False).body[0]
    torch.nn.init.zeros_(block.conv2.weight)
    torch.nn.init.zeros_(block.conv2.bias)
    x = torch.rand(1, 4, 5, 5)
    assert torch.equal(block(x), x)
