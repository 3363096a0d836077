import pytest
import torch

from sr.backbones import imagenet_alexnet, imagenet_vgg16
from sr.backbones.alexnet import ALEXNET_URL
from sr.backbones.vgg import VGG16_URL
from sr.errors import MissingError, UserError
from tests.backbones.ports import closed_port


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
    [(imagenet_alexnet, "AlexNet", ALEXNET_URL), (imagenet_vgg16, "VGG-16", VGG16_URL)],
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
