import hashlib
import importlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
import torch.nn as nn

from sr.backbones import imagenet_vgg16, shift_tolerant_state, vgg19
from sr.backbones.features import l2_pool
from tests.backbones.ports import closed_port

# Position of each convolution in torchvision's vgg19().features
VGG19_CONVS = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]


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


def test_vgg16_of_dists_pools_by_it(trunks, image):
    features = imagenet_vgg16(trunks["vgg"][1], pool="l2pool")(image, ["relu1_2", "pool1"])
    assert torch.equal(features["pool1"], l2_pool(features["relu1_2"]))
