import pytest
import torch
import torch.nn.functional as F

from sr.generators import EDSR


def published(state: dict, lr: torch.Tensor, scale: int, res_scale: float) -> torch.Tensor:
    """The network of BasicSR's names, computed from its weights alone."""

    def conv(name, x):
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)

    mean = torch.tensor([0.4488, 0.4371, 0.4040])[None, :, None, None]
    first = x = conv("conv_first", 255 * lr - 255 * mean)
    for i in range(1 + max(int(key.split(".")[1]) for key in state if key.startswith("body."))):
        x = x + conv(f"body.{i}.conv2", F.relu(conv(f"body.{i}.conv1", x))) * res_scale
    x = first + conv("conv_after_body", x)
    for i, by in enumerate({2: [2], 3: [3], 4: [2, 2], 8: [2, 2, 2]}[scale]):
        x = F.pixel_shuffle(conv(f"upsample.{2 * i}", x), by)
    return (conv("conv_last", x) + 255 * mean) / 255


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_the_output_is_that_of_the_published_network(scale, hr):
    torch.manual_seed(0)
    ours = EDSR(scale, width=4, blocks=2, res_scale=0.1)
    lr = hr[..., :17, :22]
    expected = published(ours.state_dict(), lr, scale, 0.1)
    assert torch.allclose(ours(lr), expected, atol=1e-5)
    assert expected.std() > 1e-3


def test_as_many_parameters_as_published():
    """Table 1 of the paper: 1.5 M for the baseline (scale 2 is 1.37 M), 43 M for the large network."""
    count = {scale: sum(p.numel() for p in EDSR(scale).parameters()) for scale in (2, 3, 4)}
    assert count == {2: 1_369_859, 3: 1_554_499, 4: 1_517_571}
    with torch.device("meta"):
        large = EDSR(4, width=256, blocks=32, res_scale=0.1)
    assert sum(p.numel() for p in large.parameters()) == pytest.approx(43.1e6, rel=0.001)


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels_are_centred_at_the_mean_of_the_colour(channels):
    generator = EDSR(2, channels, width=4, blocks=1)
    assert generator.mean.shape == (1, channels, 1, 1)
    assert torch.allclose(generator.mean, torch.tensor(0.4300), atol=1e-4)
    assert "mean" not in generator.state_dict()
