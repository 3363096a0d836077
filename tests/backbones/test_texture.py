from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import torch

from sr.backbones import TextureAndStructure


@pytest.fixture
def distance(trunks, heads, monkeypatch):
    """DISTS on random weights: no wheel is needed."""
    monkeypatch.setattr("sr.backbones.texture.dists_heads", lambda: heads)
    return TextureAndStructure(trunks["vgg"][1])


@pytest.fixture
def package(trunks, monkeypatch):
    """The DISTS-pytorch package's own class on our random trunk; its heads stay random."""
    pytest.importorskip("DISTS_pytorch")
    from DISTS_pytorch import DISTS_pt

    monkeypatch.setattr(DISTS_pt.models, "vgg16", lambda **_: SimpleNamespace(features=trunks["vgg"][0]))
    return DISTS_pt.DISTS(load_weights=False).requires_grad_(False)


@pytest.mark.parametrize("width", [64, 75])
def test_equal_to_the_authors_implementation(package, distance, heads, pair, width):
    package.alpha.data, package.beta.data = (head.view(1, -1, 1, 1) for head in heads)
    sr, hr = (torch.cat([image, image.flip(-1, 1)])[..., :width] for image in pair)
    expected = package(sr, hr)
    assert expected.min() > 0.01
    assert torch.allclose(distance(sr, hr), expected, atol=1e-5)


def test_with_the_wheels_heads(package, trunks, pair):
    sr, hr = pair
    with_heads = TextureAndStructure(trunks["vgg"][1])
    state = torch.load(find_spec("DISTS_pytorch").submodule_search_locations[0] + "/weights.pt")
    package.alpha.data, package.beta.data = state["alpha"], state["beta"]
    assert with_heads(sr, hr).item() == pytest.approx(package(sr, hr).item(), abs=1e-5)


def test_zero_at_identity_and_larger_for_worse_images(distance, pair):
    sr, hr = pair
    assert distance(hr, hr).item() == pytest.approx(0, abs=1e-6)
    assert 1e-3 < distance((sr + hr) / 2, hr) < distance(sr, hr)


def test_other_texture_of_the_same_kind_matters_less_than_blur(distance):
    noise = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    blurred = torch.nn.functional.avg_pool2d(noise[:1], 5, 1, 2)
    assert distance(noise[:1], noise[1:]) < distance(blurred, noise[:1])


def test_gray_and_bands(distance, trunks, pair):
    sr, hr = pair
    gray = distance(sr[:, :1], hr[:, :1])
    assert torch.allclose(gray, distance(sr[:, [0, 0, 0]], hr[:, [0, 0, 0]]))
    many_sr, many_hr = (torch.cat([image[:, :1], image], 1) for image in (sr, hr))
    with pytest.raises(ValueError, match="choose three with bands="):
        distance(many_sr, many_hr)
    chosen = TextureAndStructure(trunks["vgg"][1], bands=[1, 2, 3])
    assert torch.equal(chosen(many_sr, many_hr), distance(sr, hr))


def test_smallest_images(distance, pair):
    sr, hr = pair
    assert distance(sr[..., :32, :32], hr[..., :32, :32]) > 0
    with pytest.raises(ValueError, match="at least 32 pixels, got 31x64"):
        distance(sr[..., :64, :31], hr[..., :64, :31])


def test_gradient_towards_the_other_image(distance, pair):
    sr, hr = pair
    image = sr.clone().requires_grad_()
    before = distance(image, hr)
    before.sum().backward()
    assert image.grad.isfinite().all()
    assert distance(sr - 0.005 * image.grad / image.grad.abs().max(), hr) < before


def test_without_the_wheel_the_message_names_it(trunks, monkeypatch):
    monkeypatch.setattr("sr.backbones.pretrained.find_spec", lambda _: None)
    with pytest.raises(FileNotFoundError, match=r"pip install DISTS-pytorch \(or sr\[perceptual\]\)$"):
        TextureAndStructure(trunks["vgg"][1])


def test_a_missing_network_is_told_in_one_sentence(heads, tmp_path, monkeypatch):
    monkeypatch.setattr("sr.backbones.texture.dists_heads", lambda: heads)
    with pytest.raises(FileNotFoundError, match=r"VGG-16 could not be had from .*metrics\.dists\.weights=FILE") as told:
        TextureAndStructure(tmp_path / "none.pth")
    assert "\n" not in str(told.value)
