import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from sr.discriminators import UNetDiscriminator
from sr.errors import UserError


def basicsr_keys() -> list[str]:
    """Of RealESRGAN_x4plus_netD.pth."""
    normed = [f"conv{i}.weight_{kind}" for i in range(1, 9) for kind in ("orig", "u", "v")]
    return ["conv0.weight", "conv0.bias", *normed, "conv9.weight", "conv9.bias"]


def test_parameters_and_keys_are_those_of_the_published_network():
    with torch.device("meta"):
        discriminator = UNetDiscriminator()
    assert sum(parameter.numel() for parameter in discriminator.parameters()) == 4_376_897  # "4.38 M"
    assert sorted(discriminator.state_dict()) == sorted(basicsr_keys())
    assert discriminator.conv3.weight_v.shape == (256 * 4 * 4,)


def test_it_is_the_published_network_layer_for_layer():
    """Composed here a second time, of torch's own parts, from the names of the weights."""
    torch.manual_seed(0)
    ours = UNetDiscriminator(width=4).eval()
    x = image = torch.rand(1, 3, 16, 24)
    state = ours.state_dict()

    def conv(i: int, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
        if f"conv{i}.weight" in state:
            return F.conv2d(x, state[f"conv{i}.weight"], state[f"conv{i}.bias"], stride, 1)
        weight = state[f"conv{i}.weight_orig"]
        layer = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], stride, 1, bias=False)
        layer = nn.utils.spectral_norm(layer).eval()
        layer.load_state_dict({key: state[f"conv{i}.{key}"] for key in layer.state_dict()})
        return layer(x)

    down = [F.leaky_relu(conv(0, x), 0.2)]
    for i in (1, 2, 3):
        down.append(F.leaky_relu(conv(i, down[-1], 2), 0.2))
    x = down[3]
    for i in (4, 5, 6):
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = F.leaky_relu(conv(i, x), 0.2) + down[6 - i]
    for i in (7, 8):
        x = F.leaky_relu(conv(i, x), 0.2)
    assert torch.allclose(ours(image), conv(9, x), atol=1e-6)


@pytest.mark.parametrize("size", [(8, 8), (9, 31), (33, 64)])
def test_a_logit_for_each_pixel(size):
    assert UNetDiscriminator(width=2)(torch.rand(2, 3, *size)).shape == (2, 1, *size)


def test_smaller_images_are_refused():
    with pytest.raises(UserError, match=r"U-Net .* at least 8 pixels a side, not 7x64; .*crop_px"):
        UNetDiscriminator(width=2)(torch.rand(1, 3, 7, 64))
