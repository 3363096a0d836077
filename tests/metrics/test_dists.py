from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sr import backbones
from sr.metrics import DISTS
from sr.metrics.dists import TextureAndStructure


@pytest.fixture(scope="module")
def pair(sr, hr):
    """Large enough for VGG-16, small enough to be quick."""
    return sr[..., 16:80, 32:107], hr[..., 16:80, 32:107]


@pytest.fixture(scope="module")
def heads():
    random = torch.Generator().manual_seed(0)
    return torch.rand(1475, generator=random), torch.rand(1475, generator=random)


@pytest.fixture
def metric(trunks, heads, monkeypatch):
    """DISTS on random weights: no wheel is needed."""
    monkeypatch.setattr(backbones, "dists_heads", lambda: heads)
    return DISTS(weights=str(trunks["vgg"][1]))


@pytest.fixture
def package(trunks, monkeypatch):
    """The DISTS-pytorch package's own class on our random trunk; its heads stay random."""
    pytest.importorskip("DISTS_pytorch")
    from DISTS_pytorch import DISTS_pt

    monkeypatch.setattr(DISTS_pt.models, "vgg16", lambda **_: SimpleNamespace(features=trunks["vgg"][0]))
    return DISTS_pt.DISTS(load_weights=False).requires_grad_(False)


@pytest.mark.parametrize("width", [64, 75])
def test_equal_to_the_authors_implementation(package, metric, heads, pair, width):
    package.alpha.data, package.beta.data = (head.view(1, -1, 1, 1) for head in heads)
    sr, hr = (torch.cat([image, image.flip(-1, 1)])[..., :width] for image in pair)
    expected = package(sr, hr)
    assert expected.min() > 0.01
    assert torch.allclose(metric.distance(sr, hr), expected, atol=1e-5)


def test_with_the_wheels_heads(package, trunks, pair):
    sr, hr = pair
    distance = TextureAndStructure(trunks["vgg"][1])
    state = torch.load(find_spec("DISTS_pytorch").submodule_search_locations[0] + "/weights.pt")
    package.alpha.data, package.beta.data = state["alpha"], state["beta"]
    assert distance(sr, hr).item() == pytest.approx(package(sr, hr).item(), abs=1e-5)


def test_zero_at_identity_and_larger_for_worse_images(metric, pair):
    sr, hr = pair
    assert metric.distance(hr, hr).item() == pytest.approx(0, abs=1e-6)
    assert 1e-3 < metric.distance((sr + hr) / 2, hr) < metric.distance(sr, hr)


def test_other_texture_of_the_same_kind_matters_less_than_blur(metric):
    noise = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    blurred = torch.nn.functional.avg_pool2d(noise[:1], 5, 1, 2)
    assert metric.distance(noise[:1], noise[1:]) < metric.distance(blurred, noise[:1])


def test_gray_and_bands(metric, trunks, pair):
    sr, hr = pair
    gray = metric.distance(sr[:, :1], hr[:, :1])
    assert torch.allclose(gray, metric.distance(sr[:, [0, 0, 0]], hr[:, [0, 0, 0]]))
    many_sr, many_hr = (torch.cat([image[:, :1], image], 1) for image in (sr, hr))
    with pytest.raises(ValueError, match="choose three with bands="):
        metric.distance(many_sr, many_hr)
    chosen = TextureAndStructure(trunks["vgg"][1], bands=[1, 2, 3])
    assert torch.equal(chosen(many_sr, many_hr), metric.distance(sr, hr))


def test_class_rounds_as_a_file_would_and_means_over_images(metric, pair):
    sr, hr = pair
    rounded = (sr * 255).round() / 255
    metric.update(torch.cat([sr, hr]), torch.cat([hr, hr]))
    metric.update(sr.flip(-1), hr.flip(-1))
    scores = [metric.distance(*pair).item() for pair in ((rounded, hr), (hr, hr), (rounded.flip(-1), hr.flip(-1)))]
    assert metric.compute().item() == pytest.approx(np.mean(scores), abs=1e-6)
    assert not metric.higher_is_better
    assert not metric.state_dict()


def test_smallest_images(metric, pair):
    sr, hr = pair
    assert metric.distance(sr[..., :32, :32], hr[..., :32, :32]) > 0
    with pytest.raises(ValueError, match="at least 32 pixels, got 31x64"):
        metric.distance(sr[..., :64, :31], hr[..., :64, :31])


def test_without_the_wheel_the_message_names_it(trunks, monkeypatch):
    monkeypatch.setattr("sr.backbones.pretrained.find_spec", lambda _: None)
    with pytest.raises(FileNotFoundError, match=r"pip install DISTS-pytorch \(or sr\[perceptual\]\)$"):
        DISTS(weights=str(trunks["vgg"][1]))


def test_a_missing_network_is_told_in_one_sentence(heads, tmp_path, monkeypatch):
    monkeypatch.setattr(backbones, "dists_heads", lambda: heads)
    with pytest.raises(FileNotFoundError, match=r"VGG-16 could not be had from .*metrics\.dists\.weights=FILE") as told:
        DISTS(weights=str(tmp_path / "none.pth"))
    assert "\n" not in str(told.value)
