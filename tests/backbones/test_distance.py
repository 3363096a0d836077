from functools import partial
from types import SimpleNamespace

import pytest
import torch

from sr.backbones import lpips, shift_tolerant_lpips
from sr.backbones.distance import SMALLEST_PX

NETS = ["alex", "vgg"]
CHANNELS = {"alex": [64, 192, 384, 256, 256], "vgg": [64, 128, 256, 512, 512]}


@pytest.fixture(scope="module")
def distance():
    return shift_tolerant_lpips()


@pytest.fixture(scope="module")
def whole_files(trunks, tmp_path_factory):
    """Network and random heads in one file, as metrics.lpips.weights takes them: {net: file}."""
    files, random = {}, torch.Generator().manual_seed(0)
    for net, (_, trunk) in trunks.items():
        heads = {f"lin{i}.weight": torch.rand(1, n, 1, 1, generator=random) for i, n in enumerate(CHANNELS[net])}
        files[net] = tmp_path_factory.mktemp("whole") / f"{net}.pt"
        torch.save(torch.load(trunk) | heads, files[net])
    return files


@pytest.mark.parametrize("net", NETS)
def test_gradient_towards_the_other_image(net, sr, hr):
    distance, sr, hr = shift_tolerant_lpips(net), sr[..., :64, :64], hr[..., :64, :64]
    image = sr.clone().requires_grad_()
    before = distance(image, hr)
    before.sum().backward()
    assert image.grad.isfinite().all()
    assert distance(sr - 0.005 * image.grad / image.grad.abs().max(), hr) < before


# --- ST-LPIPS ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("net", "width"), [("alex", 128), ("alex", 75), ("vgg", 75)])
def test_equal_to_the_authors_implementation(stlpips, sr, hr, net, width):
    sr, hr = (torch.cat([image, image.flip(-1, 1)])[..., :64, :width] for image in (sr, hr))
    wheel = stlpips.LPIPS(net=net, variant="shift_tolerant", verbose=False)
    with torch.no_grad():
        expected = wheel(sr, hr, normalize=True).flatten()
    assert expected.min() > 0.01
    assert torch.allclose(shift_tolerant_lpips(net)(sr, hr), expected, atol=1e-5)


def test_zero_at_identity_and_larger_for_worse_images(distance, sr, hr):
    assert distance(hr, hr) == 0
    half_way = (sr + hr) / 2
    assert 0 < distance(half_way, hr) < distance(sr, hr)


def test_a_shift_by_one_pixel_matters_less_than_blur(distance, sr, hr):
    assert distance(hr[..., 1:65, 1:65], hr[..., :64, :64]) < distance(sr[..., :64, :64], hr[..., :64, :64])


def test_gray_looks_like_its_rgb(distance, sr, hr):
    gray_sr, gray_hr = sr.mean(1, keepdim=True), hr.mean(1, keepdim=True)
    expected = distance(gray_sr.expand(-1, 3, -1, -1), gray_hr.expand(-1, 3, -1, -1))
    assert torch.allclose(distance(gray_sr, gray_hr), expected)


def test_many_bands_need_three_named_ones(distance, sr, hr):
    many_sr, many_hr = (torch.cat([image, image[:, :1]], 1) for image in (sr, hr))
    with pytest.raises(ValueError, match=r"4 channels for a network that sees 3: choose three with bands="):
        distance(many_sr, many_hr)
    assert torch.equal(shift_tolerant_lpips(bands=[0, 1, 2])(many_sr, many_hr), distance(sr, hr))


# --- LPIPS ------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=NETS)
def package(request, trunks, monkeypatch):
    """(net, the lpips package's own network and heads, on our random trunk)."""
    wheel, net = pytest.importorskip("lpips"), request.param
    ours = SimpleNamespace(features=trunks[net][0])
    for name in ("alexnet", "vgg16"):
        monkeypatch.setattr(wheel.pretrained_networks.tv, name, lambda **_: ours)
    return net, wheel.LPIPS(net=net, pnet_rand=True, verbose=False).requires_grad_(False)


@pytest.mark.parametrize("width", [64, 75])
def test_lpips_with_the_wheels_heads_equals_the_package(package, trunks, sr, hr, width):
    net, reference = package
    sr, hr = (torch.cat([image, image.flip(-1, 1)])[..., :64, :width] for image in (sr, hr))
    expected = reference(sr, hr, normalize=True).flatten()
    assert expected.min() > 0.001
    assert torch.allclose(lpips(net, trunks[net][1])(sr, hr), expected, rtol=1e-4, atol=1e-7)


def test_lpips_with_the_heads_of_a_file_equals_the_package(package, whole_files, sr, hr, monkeypatch):
    net, reference = package
    state = torch.load(whole_files[net])
    for i, head in enumerate(reference.lins):
        head.model[1].weight = torch.nn.Parameter(state[f"lin{i}.weight"])
    monkeypatch.setattr("sr.backbones.pretrained.find_spec", lambda _: None)
    sr, hr = sr[..., :64, :64], hr[..., :64, :64]
    expected = reference(sr, hr, normalize=True).item()
    assert expected > 0.01
    assert lpips(net, whole_files[net])(sr, hr).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("net", NETS)
def test_lpips_is_zero_at_identity_alone(whole_files, sr, hr, net):
    distance, sr, hr = lpips(net, whole_files[net]), sr[..., :64, :64], hr[..., :64, :64]
    assert distance(hr, hr) == 0
    assert 0 < distance((sr + hr) / 2, hr) < distance(sr, hr)


def test_without_wheel_and_heads_the_message_names_the_wheel(trunks, monkeypatch):
    monkeypatch.setattr("sr.backbones.pretrained.find_spec", lambda _: None)
    with pytest.raises(FileNotFoundError, match=r"pip install lpips \(or sr\[perceptual\]\)"):
        lpips("alex", trunks["alex"][1])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.pt: weights cannot be read from it"):
        lpips("alex", tmp_path / "none.pt")


# --- both -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [shift_tolerant_lpips, lpips])
def test_unknown_networks_are_refused(build):
    with pytest.raises(ValueError, match="net=squeeze; the networks are alex, vgg"):
        build("squeeze")


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("name", ["ST-LPIPS", "LPIPS"])
def test_smallest_images(whole_files, sr, hr, name, net):
    build = shift_tolerant_lpips if name == "ST-LPIPS" else partial(lpips, weights=whole_files[net])
    distance, n = build(net), SMALLEST_PX[name][net]
    assert distance(sr[..., :n, :n], hr[..., :n, :n]) > 0
    with pytest.raises(ValueError, match=f"{name} sees images of at least {n} pixels, got 64x{n - 1}"):
        distance(sr[..., : n - 1, :64], hr[..., : n - 1, :64])
