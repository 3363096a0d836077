import pytest
import torch
import torch.nn.functional as F

from sr.generators import SPAN
from sr.generators.span import Block, Conv3XC


@pytest.mark.parametrize(("width", "count"), [(48, 426_288), (52, 498_208)])
def test_as_many_parameters_as_published_when_merged(width, count):
    """Table 1 of the paper, scale 4: 426 K for SPAN-S, 498 K for SPAN."""
    generator = SPAN(width=width)
    merged = [value for key, value in generator.named_buffers() if "eval_conv" in key]
    outside = [*generator.conv_cat.parameters(), *generator.upsampler.parameters()]
    assert sum(value.numel() for value in [*merged, *outside]) == count


@pytest.mark.parametrize("norm", [True, False])
def test_merged_it_makes_what_it_makes_in_training(norm, hr):
    torch.manual_seed(0)
    generator, lr = SPAN(width=8, norm=norm), hr[..., :17, :22]
    trained = generator.train()(lr)
    assert (generator.eval()(lr) - trained).abs().max() <= 1e-5 * trained.abs().max().clamp(min=1)


def test_one_convolution_is_left_and_its_borders_are_right():
    torch.manual_seed(0)
    layer, x = Conv3XC(3, 5), torch.randn(2, 3, 6, 7)
    expected = layer.conv(F.pad(x, (1, 1, 1, 1))) + layer.sk(x)
    weight, bias = layer.merged()
    assert weight.shape == (5, 3, 3, 3)
    assert torch.allclose(F.conv2d(x, weight, bias, padding=1), expected, atol=1e-6)


def test_the_state_holds_the_merged_weights_of_now():
    torch.manual_seed(0)
    layer = Conv3XC(3, 5).eval()
    with torch.no_grad():
        layer.sk.weight += 1  # as an optimizer or an average changes it
    state, x = layer.state_dict(), torch.randn(1, 3, 6, 7)
    expected = F.conv2d(x, state["eval_conv.weight"], state["eval_conv.bias"], padding=1)
    assert torch.allclose(layer(x), expected, atol=1e-6)


def test_what_files_hold_of_the_merged_weights_is_not_read():
    torch.manual_seed(0)
    layer, x = Conv3XC(3, 5).eval(), torch.randn(1, 3, 6, 7)
    expected = layer(x)
    layer.load_state_dict({k: v + 1 if "eval" in k else v for k, v in layer.state_dict().items()})
    assert torch.equal(layer(x), expected)
    assert not any("eval_conv" in key for key, _ in layer.named_parameters())


def test_attention_is_zero_where_nothing_was_found():
    block, x = Block(4).eval(), torch.rand(1, 4, 5, 5)
    for parameter in block.c3_r.parameters():
        torch.nn.init.zeros_(parameter)
    assert not block(x)[0].any()
