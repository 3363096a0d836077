import importlib

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve

from sr.backbones import alexnet, three_channels, vgg16
from sr.backbones.features import blur_pool, l2_pool


def test_conv_is_before_the_activation_and_relu_after(vgg, image):
    features = vgg(image, ["conv3_2", "relu3_2"])
    assert features["conv3_2"].min() < 0
    assert torch.equal(features["conv3_2"].clamp(min=0), features["relu3_2"])


def test_nothing_behind_the_deepest_wanted_layer_is_computed(vgg, image, monkeypatch):
    monkeypatch.setattr(vgg, "conv2_1_weight", None)
    assert set(vgg(image, ["relu1_2", "conv1_1"])) == {"relu1_2", "conv1_1"}


def test_unknown_layers_are_refused(vgg, image):
    with pytest.raises(ValueError, match=r"relu9_9.*relu5_3"):
        vgg(image, ["relu9_9"])


@pytest.mark.parametrize("make", [vgg16, alexnet])
def test_frozen_and_in_no_checkpoint_but_open_to_the_image(make, image):
    network = make()
    assert not network.state_dict()
    assert not list(network.parameters())
    assert not any(buffer.requires_grad for buffer in network.buffers())
    image = image.clone().requires_grad_()
    network(image, network.names[-1:])[network.names[-1]].sum().backward()
    assert image.grad.abs().sum() > 0


def test_weights_go_where_the_network_goes(vgg):
    assert {buffer.device.type for buffer in vgg16().to("meta").buffers()} == {"meta"}
    assert {buffer.dtype for buffer in vgg.buffers()} == {torch.float32}


def test_blur_pool_keeps_a_constant_and_shifts_by_nothing(stlpips):
    wheel = importlib.import_module("stlpips_pytorch.models_lpf.downsample")
    x = torch.rand(2, 5, 9, 12)
    reference = wheel.Downsample(filt_size=3, stride=2, channels=5, pad_more=True)
    assert torch.allclose(blur_pool(x), reference(x), atol=1e-6)
    assert torch.allclose(blur_pool(torch.ones(1, 1, 9, 9)), torch.ones(1, 1, 6, 6))


@pytest.mark.parametrize("size", [(8, 10), (9, 7), (1, 2)])
def test_l2_pool_is_the_root_of_the_blurred_square_at_every_second_place(size):
    x = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    window = np.outer(*[np.hanning(5)[1:-1]] * 2)
    blurred = convolve(x.numpy() ** 2, window[None, None] / window.sum(), mode="constant")
    assert l2_pool(x).numpy() == pytest.approx(np.sqrt(blurred[..., ::2, ::2] + 1e-12), abs=1e-12)


def test_l2_pool_of_nothing_has_a_slope():
    x = torch.zeros(1, 1, 4, 4, requires_grad=True)
    l2_pool(x).sum().backward()
    assert x.grad.isfinite().all()


def test_three_channels():
    image = torch.rand(2, 6, 4, 4)
    assert torch.equal(three_channels(image[:, :3], None), image[:, :3])
    assert torch.equal(three_channels(image[:, :1], None), image[:, [0, 0, 0]])
    assert torch.equal(three_channels(image, [4, 0, 2]), image[:, [4, 0, 2]])
    with pytest.raises(ValueError, match=r"6 channels .* bands="):
        three_channels(image, None)
