import hashlib
import importlib
import socket
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
import torch.nn as nn
from scipy.ndimage import convolve

from sr import backbones
from sr.backbones import (
    alexnet,
    blur_pool,
    imagenet_alexnet,
    imagenet_vgg16,
    l2_pool,
    shift_tolerant_state,
    three_channels,
    vgg16,
    vgg19,
)
from sr.errors import MissingError, UserError

# Position of each convolution in torchvision's vgg19().features
VGG19_CONVS = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]


@pytest.fixture(scope="module")
def vgg():
    return vgg16()


@pytest.fixture(scope="module")
def image(hr):
    return hr[..., 32:96, 32:80]


# --- VGG-16 -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reference(stlpips, image):
    """All activations of the wheel's own VGG-16, by name, on the image as the wheel normalises it."""
    wheel = importlib.import_module("stlpips_pytorch.models_lpf.vgg")
    network = wheel.make_layers(wheel.cfg["D"][:-1], filter_size=3, pad_more=True)
    state = shift_tolerant_state("vgg")
    network.load_state_dict({k.split(".", 2)[2]: v for k, v in state.items() if k.startswith("net.slice")}, strict=True)
    x, stage, i, found = stlpips.ScalingLayer()(2 * image - 1), 1, 0, {}
    for layer in network:
        x = layer(x.clone())
        if isinstance(layer, nn.Conv2d):
            i += 1
            found[f"conv{stage}_{i}"] = x
        elif isinstance(layer, nn.ReLU):
            found[f"relu{stage}_{i}"] = x
        elif isinstance(layer, nn.MaxPool2d):
            stage, i = stage + 1, 0
    return found


def test_vgg16_features_equal_those_of_the_wheel(vgg, reference, image):
    features = vgg(image, list(reference))
    assert len(features) == 26
    for name, expected in reference.items():
        assert torch.allclose(features[name], expected, atol=1e-4), name


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


# --- VGG-19 -----------------------------------------------------------------------------------------------------------


def torchvision_vgg19_features() -> nn.Sequential:
    layers, n_in = [], 3
    for width, convs in [(64, 2), (128, 2), (256, 4), (512, 4), (512, 4)]:
        for _ in range(convs):
            layers += [nn.Conv2d(n_in, width, 3, padding=1), nn.ReLU()]
            n_in = width
        layers.append(nn.MaxPool2d(2, 2))
    assert [i for i, layer in enumerate(layers) if isinstance(layer, nn.Conv2d)] == VGG19_CONVS
    return nn.Sequential(*layers)


@pytest.fixture(scope="session")
def vgg19_file(tmp_path_factory):
    """Random weights of VGG-19 under torchvision's names, those of the classifier included; half, to be quick."""
    with torch.device("meta"):
        state = {f"features.{key}": value for key, value in torchvision_vgg19_features().state_dict().items()}
    random = torch.Generator().manual_seed(0)
    for key, value in state.items():
        gain = (2 / value[0].numel()) ** 0.5 if value.ndim == 4 else 0.1
        state[key] = (gain * torch.randn(value.shape, generator=random)).half()
    state |= {"classifier.0.weight": torch.zeros(4, 4), "classifier.0.bias": torch.zeros(4)}
    file = tmp_path_factory.mktemp("vgg19") / "weights.pth"
    torch.save(state, file)
    named = file.with_name(f"vgg19-{hashlib.sha256(file.read_bytes()).hexdigest()[:8]}.pth")
    return file.rename(named)


@pytest.fixture
def server(vgg19_file, monkeypatch, tmp_path):
    """Address of a local server that offers the folder of `vgg19_file`."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=vgg19_file.parent)) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def test_vgg19_from_a_file_equals_torchvisions_network(vgg19_file, image):
    reference = torchvision_vgg19_features()
    state = torch.load(vgg19_file)
    reference.load_state_dict(
        {k.removeprefix("features."): v.float() for k, v in state.items() if k.startswith("features.")}
    )
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (image - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    features = vgg19(weights=vgg19_file)(image, ["conv2_2", "conv5_4", "relu5_4"])
    with torch.no_grad():
        for name, upto in [("conv2_2", 8), ("conv5_4", 35), ("relu5_4", 36)]:
            assert torch.allclose(features[name], reference[:upto](x), rtol=1e-4, atol=1e-4), name


def test_vgg19_is_fetched_once_and_kept(vgg19_file, server, tmp_path, image):
    fetched = vgg19(url=f"{server}/{vgg19_file.name}")
    at_hand = vgg19(weights=vgg19_file)
    assert torch.equal(fetched(image, ["relu2_2"])["relu2_2"], at_hand(image, ["relu2_2"])["relu2_2"])
    assert [path.name for path in (tmp_path / "hub" / "checkpoints").iterdir()] == [vgg19_file.name]
    vgg19(url=f"http://127.0.0.1:{closed_port()}/{vgg19_file.name}")


def test_a_file_that_is_not_what_its_name_says_is_refused(vgg19_file, server, tmp_path):
    (vgg19_file.parent / "vgg19-00000000.pth").write_bytes(b"something else")
    with pytest.raises(FileNotFoundError, match="losses/backbone=vgg16"):
        vgg19(url=f"{server}/vgg19-00000000.pth")
    assert not list(tmp_path.rglob("*.pth"))


def test_without_network_the_message_names_the_ways_out(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(FileNotFoundError, match=r"losses\.backbone\.weights=FILE.*losses/backbone=vgg16"):
        vgg19(url=f"http://127.0.0.1:{closed_port()}/vgg19-dcbb9e9d.pth")


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- VGG-16 and AlexNet as published ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "net", "places"),
    [
        (imagenet_alexnet, "alex", {"relu1": 2, "relu2": 5, "relu3": 8, "conv4": 9, "relu5": 12}),
        (imagenet_vgg16, "vgg", {"relu1_2": 4, "relu2_2": 9, "conv3_3": 15, "relu4_3": 23, "relu5_3": 30}),
    ],
)
def test_features_equal_those_of_torchvisions_layout(trunks, image, build, net, places):
    network, file = trunks[net]
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (image - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    features = build(file)(image, list(places))
    for name, upto in places.items():
        assert torch.allclose(features[name], network[:upto](x), rtol=1e-4, atol=1e-4), name


BUILDS = pytest.mark.parametrize(
    ("build", "name", "url"),
    [(imagenet_alexnet, "AlexNet", backbones.ALEXNET_URL), (imagenet_vgg16, "VGG-16", backbones.VGG16_URL)],
)


@BUILDS
def test_a_file_that_is_not_there_is_told_with_the_option_that_names_one(tmp_path, build, name, url):
    with pytest.raises(MissingError) as told:
        build(tmp_path / "none.pth", option="mine=FILE")
    message = str(told.value)
    assert message.startswith(f"{name} could not be had from {tmp_path / 'none.pth'} (")
    assert message.endswith(f"; fetch {url} elsewhere and name that file with mine=FILE")


@BUILDS
def test_without_network_their_place_is_named(monkeypatch, tmp_path, build, name, url):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    here = f"http://127.0.0.1:{closed_port()}/{url.rpartition('/')[2]}"
    with pytest.raises(MissingError, match=f"{name} could not be had from {here} .*name that file with mine=FILE$"):
        build(url=here, option="mine=FILE")


@BUILDS
@pytest.mark.parametrize("content", [{}, {"features.0.weight": torch.zeros(1, 1, 1, 1)}, ["a list"], 3])
def test_a_file_of_something_else_is_refused_in_one_sentence(tmp_path, build, name, url, content):
    torch.save(content, tmp_path / "else.pth")
    with pytest.raises(UserError, match=rf"else\.pth: not torchvision's {name} \(.*\)$") as told:
        build(tmp_path / "else.pth")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(("build", "other"), [(imagenet_alexnet, "vgg"), (imagenet_vgg16, "alex")])
def test_the_other_network_is_refused(trunks, build, other):
    with pytest.raises(UserError, match="not torchvision's"):
        build(trunks[other][1])


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


def test_vgg16_of_dists_pools_by_it(trunks, image):
    features = imagenet_vgg16(trunks["vgg"][1], pool="l2pool")(image, ["relu1_2", "pool1"])
    assert torch.equal(features["pool1"], l2_pool(features["relu1_2"]))


# --- what they see ----------------------------------------------------------------------------------------------------


def test_three_channels():
    image = torch.rand(2, 6, 4, 4)
    assert torch.equal(three_channels(image[:, :3], None), image[:, :3])
    assert torch.equal(three_channels(image[:, :1], None), image[:, [0, 0, 0]])
    assert torch.equal(three_channels(image, [4, 0, 2]), image[:, [4, 0, 2]])
    with pytest.raises(ValueError, match=r"6 channels .* bands="):
        three_channels(image, None)
