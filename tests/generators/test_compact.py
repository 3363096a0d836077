import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from sr.generators import Compact


class SRVGGNetCompact(nn.Module):
    """As published with Real-ESRGAN (realesrgan/archs/srvgg_arch.py), for `act_type="prelu"`."""

    def __init__(self, num_in_ch=3, num_out_ch=3, num_feat=64, num_conv=16, upscale=4) -> None:
        super().__init__()
        self.body = nn.ModuleList()
        self.body.append(nn.Conv2d(num_in_ch, num_feat, 3, 1, 1))
        self.body.append(nn.PReLU(num_parameters=num_feat))
        for _ in range(num_conv):
            self.body.append(nn.Conv2d(num_feat, num_feat, 3, 1, 1))
            self.body.append(nn.PReLU(num_parameters=num_feat))
        self.body.append(nn.Conv2d(num_feat, num_out_ch * upscale * upscale, 3, 1, 1))
        self.upscale, self.upsampler = upscale, nn.PixelShuffle(upscale)

    def forward(self, x):
        out = x
        for layer in self.body:
            out = layer(out)
        return self.upsampler(out) + F.interpolate(x, scale_factor=self.upscale, mode="nearest")


def test_published_weights_give_the_published_output(hr):
    torch.manual_seed(0)
    published = SRVGGNetCompact(num_feat=8, num_conv=2)
    ours = Compact(width=8, depth=2)
    assert list(ours.state_dict()) == list(published.state_dict())
    ours.load_state_dict(published.state_dict())
    assert torch.allclose(ours(hr), published(hr), atol=1e-6)


def test_keys_and_size_of_the_published_network():
    state = Compact().state_dict()
    assert list(state)[:4] == ["body.0.weight", "body.0.bias", "body.1.weight", "body.2.weight"]
    assert list(state)[-2:] == ["body.34.weight", "body.34.bias"]
    assert sum(value.numel() for value in state.values()) == 621_424  # 0.62 M, realesr-animevideov3


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("channels", [1, 3, 4, 13])
def test_shapes_at_odd_sizes(scale, channels):
    sr = Compact(scale, channels, width=4, depth=1)(torch.rand(2, channels, 7, 5))
    assert sr.shape == (2, channels, 7 * scale, 5 * scale)


def test_training_starts_from_the_nearest_enlargement(hr):
    enlarged = hr.repeat_interleave(4, -1).repeat_interleave(4, -2)
    assert torch.equal(Compact(width=4, depth=1)(hr), enlarged)


def test_gradient_reaches_every_parameter():
    torch.manual_seed(0)
    generator = Compact(scale=2, width=4, depth=2)
    nn.init.normal_(generator.body[-1].weight)  # zero at the start, it would hold back all gradients but its own
    generator(torch.rand(2, 3, 6, 6)).square().sum().backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_the_first_step_already_has_a_gradient():
    generator = Compact(scale=2, width=4, depth=2)
    generator(torch.rand(2, 3, 6, 6)).square().sum().backward()
    assert generator.body[-1].weight.grad.abs().sum() > 0


def test_features_neither_vanish_nor_explode_with_depth():
    torch.manual_seed(0)
    generator = Compact(width=32, depth=32)
    x = torch.rand(1, 3, 16, 16)
    spreads = []
    for layer in generator.body[:-1]:
        x = layer(x)
        spreads.append(x.std().item())
    assert 0.1 < spreads[-1] / spreads[1] < 10
