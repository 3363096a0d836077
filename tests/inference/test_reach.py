from time import monotonic

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from sr.generators import Compact
from sr.inference import reach
from sr.inference.reach import Reach, felt_px, measure, reach_px

from .networks import NETWORKS, Deep, Exposed, Wide


def true_reach_px(network: nn.Module) -> int:
    """By autograd: the farthest input pixel on which an output pixel has a gradient."""
    network = network.double().eval()
    for parameter in network.parameters():
        parameter.data = parameter.data.abs() + 0.01  # of one sign, so that nothing cancels
    side, scale, reach = 48, network.scale, 0
    lr = torch.rand(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    sr = network(lr)
    for pixel in (side // 2, side // 2 + 1):
        for at in {pixel * scale, pixel * scale + scale - 1}:  # corners, which see farthest
            (gradient,) = torch.autograd.grad(sr[0, 0, at, at], lr, retain_graph=True)
            reach = max(reach, int((gradient[0, 0].nonzero() - pixel).abs().max()))
    return reach


@pytest.mark.parametrize("name", NETWORKS)
def test_the_reach_is_that_of_the_gradient(name, monkeypatch):
    true = true_reach_px(NETWORKS[name]())
    assert true > 0
    assert true <= reach_px(NETWORKS[name]().eval(), 1) < true + 16
    monkeypatch.setattr(reach, "GRID_PX", 1)
    assert reach_px(NETWORKS[name]().eval(), 1) == true


@pytest.mark.parametrize(("depth", "found"), [(1, 16), (14, 16), (15, 32), (30, 32), (31, 48)])
def test_each_convolution_of_compact_reaches_one_pixel_farther(depth, found):
    # A first and a last one, and `depth` between: at 14 they are 16.
    assert reach_px(Compact(width=2, depth=depth).eval(), 3) == found


@pytest.mark.parametrize(("true", "found"), [(27, 32), (60, 64), (123, 128), (124, 128), (248, 256), (249, None)])
def test_far_reaches_are_found_on_larger_images_then_on_strips_and_the_farthest_not_at_all(true, found, monkeypatch):
    monkeypatch.setattr(reach, "STRIP_PX", (128, 256, 512))
    assert reach_px(Wide(true), 1) == found


def test_a_network_that_sees_everything_has_no_reach():
    assert reach_px(Exposed(), 1) is None


def test_a_network_that_hides_what_its_input_is_not_cannot_be_measured():
    assert reach_px(torch.nan_to_num, 1) is None


# --- what is felt -----------------------------------------------------------------------------------------------------

CPU = torch.device("cpu")


class Fading(nn.Module):
    """Sees 100 pixels along rows and columns, each a share less than the one before."""

    def __init__(self, share: float) -> None:
        super().__init__()
        weights = share ** torch.arange(-100, 101).abs()
        self.weights = nn.Parameter(weights / weights.sum(), requires_grad=False)

    def forward(self, lr):
        row = F.conv2d(lr, self.weights.view(1, 1, 1, -1), padding=(0, 100))
        return F.conv2d(row, self.weights.view(1, 1, -1, 1), padding=(100, 0))

    def missed(self, px: int) -> float:
        """Levels of 8 bits by which the result changes `px` away from where a white image is cut off."""
        return 255 * float(self.weights[: 100 - px].sum())


@pytest.mark.parametrize("share", [0.5, 0.75, 0.85, 0.9])
def test_what_is_felt_is_as_far_as_half_a_level_and_not_much_farther(share):
    network = Fading(share)
    felt = felt_px(network, 1)
    assert network.missed(felt) < 0.5
    assert felt == 16 or network.missed(felt - 32) > 0.125 / 2  # of an image that is half as bright


@pytest.mark.parametrize("upright", [False, True])
def test_both_directions_are_looked_at(upright):
    wide = nn.Conv2d(1, 1, (1, 61), padding=(0, 30), bias=False).requires_grad_(False)
    wide.weight.fill_(1 / 61)
    assert felt_px(lambda lr: wide(lr.mT).mT if upright else wide(lr), 1) == 32


def test_what_all_pixels_are_felt_in_is_not_found():
    assert felt_px(Exposed(), 1) is None


def test_of_what_is_near_only_that_is_measured():
    assert measure(Compact(width=2, depth=2).eval(), 3, CPU) == Reach(seen_px=16)


# --- in time, and kept ------------------------------------------------------------------------------------------------


def test_time_is_kept_in_the_midst_of_a_network(tmp_path, monkeypatch):
    monkeypatch.setenv("SR_CACHE", str(tmp_path))
    network, began = Deep(1000, pause_s=0.01), monotonic()
    assert measure(network, 1, CPU, network, seconds=0.3) == Reach(late=True)
    assert monotonic() - began < 2
    assert not list(tmp_path.rglob("*.json"))  # another time there may be more


def test_a_network_that_takes_no_strips_is_not_refused_for_that():
    def enlarge(lr):
        if lr.shape[-1] != lr.shape[-2]:
            raise RuntimeError("squares alone")
        return lr - lr.mean()

    assert measure(enlarge, 1, CPU) == Reach(late=True)


def test_what_was_measured_is_kept_for_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("SR_CACHE", str(tmp_path))
    monkeypatch.setattr(reach, "WORTH_KEEPING_S", 0.0)
    network, calls = Deep(70), []

    def measured():
        calls.clear()
        return measure(lambda lr: calls.append(1) or network(lr), 1, CPU, network)

    found = measured()
    assert found.seen_px == 80
    assert found.felt_px == 32
    assert calls
    assert measured() == found
    assert not calls
    (file,) = tmp_path.rglob("*.json")
    for broken in ("", "{}x", '{"seen_px": 7}', '{"far": 1}', "[]"):
        file.write_text(broken)
        assert measured() == found
        assert calls
    network.weight *= 0.9
    measured()
    assert calls
    assert len(list(tmp_path.rglob("*.json"))) == 2
