import os
from pathlib import Path

import pytest
import torch

from sr import losses, metrics
from sr.losses import L1, WeightedSum

NAMES = ["LPIPS", "STLPIPS", "DISTS"]


@pytest.fixture(params=NAMES)
def both(request, trunks, monkeypatch):
    """(loss, metric of the same name), on random weights where others' are needed."""
    random = torch.Generator().manual_seed(0)
    heads = [torch.rand(n, generator=random) for n in (64, 192, 384, 256, 256)]
    monkeypatch.setattr("sr.backbones.distance.lpips_heads", lambda net: heads)
    monkeypatch.setattr("sr.backbones.texture.dists_heads", lambda: [torch.ones(1475), torch.ones(1475)])
    options = {"LPIPS": {"net": "alex", "weights": trunks["alex"][1]}, "STLPIPS": {"net": "alex"},
               "DISTS": {"weights": trunks["vgg"][1]}}[request.param]  # fmt: skip
    return [getattr(package, request.param)(**options) for package in (losses, metrics)]


@pytest.fixture(scope="module")
def pair(face, sr, hr):
    """Two of whole levels, so that rounding to 8 bits changes nothing."""
    return [(torch.cat([image, image.flip(-1)])[..., 16:80, 32:96] * 255).round() / 255 for image in (sr, hr)]


def test_equal_to_the_metric_of_its_name(both, pair):
    loss, metric = both
    metric.update(*pair)
    assert loss(*pair).item() == pytest.approx(metric.compute().item(), rel=1e-6)
    assert loss.trains_on == type(metric).__name__


def test_zero_at_identity_and_a_gradient_towards_hr(both, pair):
    loss, (sr, hr) = both[0], pair
    assert loss(hr, hr).item() == pytest.approx(0, abs=1e-6)
    image = sr.clone().requires_grad_()
    loss(image, hr.clone().requires_grad_()).backward()
    assert image.grad.isfinite().all()
    assert loss(sr - 0.005 * image.grad / image.grad.abs().max(), hr) < loss(sr, hr)


def test_the_metric_has_no_gradient(both, pair):
    metric = both[1]
    metric.update(pair[0].clone().requires_grad_(), pair[1])
    assert not metric.compute().requires_grad


def test_beyond_the_range_there_is_a_gradient_too(both, pair):
    image = (pair[0] + 1).requires_grad_()
    both[0](image, pair[1]).backward()
    assert image.grad.abs().sum() > 0


def test_originals_are_seen_once_and_without_a_graph(both, pair):
    seen = []
    both[0].distance.backbone.register_forward_hook(lambda _, args, found: seen.append(found))
    both[0](pair[0].clone().requires_grad_(), pair[1].clone().requires_grad_()).backward()
    assert [any(features.requires_grad for features in found.values()) for found in seen] == [True, False]


def test_autocast_changes_nothing(both, pair):
    with torch.autocast("cpu", torch.bfloat16):
        found = both[0](*pair)
    assert found == both[0](*pair)


def test_gray_and_bands(pair):
    sr, hr = pair
    assert losses.STLPIPS("alex")(sr[:, :1], hr[:, :1]) > 0
    many = [torch.cat([image, image[:, :1]], 1) for image in pair]
    assert losses.STLPIPS("alex", bands=[0, 1, 2])(*many) == losses.STLPIPS("alex")(sr, hr)
    with pytest.raises(ValueError, match="choose three with bands="):
        losses.STLPIPS("alex")(*many)


def test_no_checkpoint_keeps_the_network(both):
    assert not both[0].state_dict()
    assert not list(both[0].parameters())


def test_a_sum_tells_on_which_metrics_it_trains():
    terms = {"l1": L1(), "st": losses.STLPIPS("alex")}
    assert WeightedSum(terms, {"l1": 1, "st": 0.5}).trains_on == {"STLPIPS"}
    assert WeightedSum(terms, {"l1": 1, "st": 0}).trains_on == set()  # for the curves alone


def test_a_missing_file_is_told_with_the_losses_option(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.pt"):
        losses.LPIPS(weights=tmp_path / "none.pt")


def test_the_published_network_trains(pair):
    if "SR_WEIGHTS" not in os.environ:
        pytest.skip("SR_WEIGHTS names no folder that holds lpips_alex.pt")
    loss = losses.LPIPS("alex", Path(os.environ["SR_WEIGHTS"]) / "lpips_alex.pt")
    image = pair[0].clone().requires_grad_()
    loss(image, pair[1]).backward()
    assert loss(pair[0] - 0.005 * image.grad / image.grad.abs().max(), pair[1]) < loss(*pair)
