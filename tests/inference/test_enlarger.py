import re

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from sr.errors import UserError
from sr.generators import Compact, RRDBNet, SRResNet
from sr.inference.enlarger import Enlarger
from sr.inference.interpolate import INTERPOLATIONS
from sr.inference.models import load, of_generator
from sr.inference.reach import Reach

from .conftest import ABOUT, close, counted, spread
from .networks import Deep, Folding

CPU = torch.device("cpu")


# --- tiles ------------------------------------------------------------------------------------------------------------


MADE = {
    "compact": lambda: of_generator("g", spread(Compact(**ABOUT["arguments"])), 2, 3, CPU),
    "srresnet": lambda: of_generator("g", spread(SRResNet(4, width=4, blocks=2)), 4, 3, CPU),
    "folding": lambda: of_generator("g", spread(Folding(3)), 2, 3, CPU),
    **{name: lambda name=name: load(name, 3) for name in INTERPOLATIONS},
}


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("tile", [16, 20, 32])
def test_tiles_make_the_whole_image(name, tile, hr):
    lr = hr[..., :70, :90]
    enlarge = MADE[name]()
    whole, shapes = enlarge(lr), counted(enlarge)
    enlarge.tile = tile
    assert close(enlarge(lr), whole, 1e-5 * max(1, whole.abs().max().item()))
    side = 32 if tile == 20 else tile  # up to the grid on which folding networks see each pixel as in the whole image
    assert len(shapes) == -(-70 // side) * -(-90 // side)


@pytest.mark.parametrize("tile", [64, 65, 4096])
def test_an_image_that_fits_in_a_tile_is_enlarged_whole_by_whatever_it_is(tile):
    enlarge = Enlarger("x", 1, 3, lambda lr: lr - lr.mean(), CPU, tile=tile, bounded=False)
    lr = torch.rand(1, 3, 64, 50)
    assert torch.equal(enlarge(lr), lr - lr.mean())


@pytest.fixture
def large() -> torch.Tensor:
    """More than `auto` enlarges without asking how much memory there is."""
    return torch.rand(1, 3, 250, 270)


def test_auto_falls_to_tiles_where_memory_is_small(large, monkeypatch):
    enlarge = MADE["compact"]()
    shapes = counted(enlarge)
    monkeypatch.setattr("sr.inference.tiles.free_bytes", lambda device: 1 << 40)
    whole = enlarge(large)
    assert shapes == [(250, 270)]
    shapes.clear()
    free = 2 * enlarge.bytes_per_pixel * 130**2
    monkeypatch.setattr("sr.inference.tiles.free_bytes", lambda device: free)
    assert close(enlarge(large), whole)
    assert max(height * width for height, width in shapes) <= 130**2
    assert sum(height * width for height, width in shapes) <= (250 + 4 * 16) * (270 + 4 * 16)  # of squares, of 96


def test_auto_tiles_what_is_computed_outside_of_torch(large, monkeypatch):
    whole = load("lanczos", 2, tile=0)(large)
    monkeypatch.setattr("sr.inference.tiles.free_bytes", lambda device: 0)
    enlarge = load("lanczos", 2)
    shapes = counted(enlarge)
    assert close(enlarge(large), whole)
    assert len(shapes) == 8 * 9


def test_what_does_not_fit_and_sees_all_is_told_of_once(large, monkeypatch, capsys):
    monkeypatch.setattr("sr.inference.tiles.free_bytes", lambda device: 0)
    enlarge = Enlarger("global", 1, 3, lambda lr: lr - lr.mean(), CPU)
    for _ in range(2):
        assert enlarge(large).shape == large.shape
    assert capsys.readouterr().err.count("global: its receptive field") == 1


# --- networks that see far --------------------------------------------------------------------------------------------


@pytest.fixture
def cramped(tmp_path, monkeypatch) -> Enlarger:
    """Sees 70 pixels, of which half are felt, where memory holds 240 times 240."""
    monkeypatch.setenv("SR_CACHE", str(tmp_path))
    enlarge = of_generator("far", Deep(70), 1, 1, CPU)
    monkeypatch.setattr("sr.inference.tiles.free_bytes", lambda device: 2 * enlarge.bytes_per_pixel * 240**2)
    return enlarge


def bound(told: str) -> float:
    """Levels by which tiles were said to differ at most."""
    (levels,) = re.findall(r"differ by up to ([\d.]+) of 255 levels", told)
    return float(levels)


def test_what_is_felt_suffices_and_what_is_said_of_it_is_true(cramped, capsys):
    lr = torch.rand(1, 1, 400, 400, generator=torch.Generator().manual_seed(1))
    whole, shapes = cramped.run(lr), counted(cramped)
    apart = float((cramped(lr) - whole).abs().max()) * 255
    assert (cramped.reach_px, cramped.reach.felt_px) == (80, 32)
    assert len(shapes) == 4
    assert sum(height * width for height, width in shapes) <= 1.5 * 400**2
    told = capsys.readouterr().err
    assert "far: tiles with a halo of 32 pixels of the 80 that it sees (--halo exact: all)" in told
    assert 0 < apart <= bound(told) < 0.5
    cramped(lr)
    assert capsys.readouterr().err == ""  # no more than was told


def test_exact_is_exact_and_a_halo_in_pixels_is_taken(cramped, large, capsys):
    lr = large[:, :1, :200, :150]
    whole = cramped.run(lr)
    cramped.halo, cramped.tile = "exact", 64
    assert close(cramped(lr), whole, 1e-5)
    assert capsys.readouterr().err == ""
    cramped.halo = 10
    assert not close(cramped(lr), whole, 1e-4)
    assert "a halo of 16 pixels" in capsys.readouterr().err
    cramped.halo = 4000  # more than it sees
    assert cramped.halo_px == 80


@pytest.mark.parametrize(
    ("late", "why"), [(True, "could not be measured in 5 seconds"), (False, "is all of the image")]
)
def test_exact_is_refused_where_no_halo_is(late, why, large, monkeypatch):
    monkeypatch.setattr("sr.inference.tiles.free_bytes", lambda device: 0)
    enlarge = Enlarger("global", 1, 3, lambda lr: lr - lr.mean(), CPU, halo="exact")
    enlarge.reach = Reach(late=late)
    with pytest.raises(UserError, match=f"^global: what it sees {why}"):
        enlarge(large)


@pytest.mark.parametrize("free_gb", [1, 2, 4, 8])
def test_a_deep_network_makes_at_most_half_as_much_work_again(free_gb, monkeypatch):
    """23 blocks, 352 pixels: with a halo as wide, and squares, this was 363 times the work."""
    enlarge = of_generator("rrdb", RRDBNet(4, width=16), 4, 3, CPU)
    enlarge.reach = Reach(seen_px=352, felt_px=48)
    enlarge.bytes_per_pixel = 8000.0
    monkeypatch.setattr("sr.inference.tiles.free_bytes", lambda device: free_gb << 30)
    tiles, halo = enlarge._plan(torch.empty(1, 3, 1000, 1000))
    assert tiles.pixels <= 1.5 * 1000**2
    assert 16 <= halo <= 48
    assert (tiles.height + halo) * (tiles.width + halo) * 8000 <= free_gb << 29


@pytest.mark.parametrize(("late", "widest"), [(True, 112), (False, 32)])
def test_tiles_of_what_could_not_be_measured_overlap_as_far_as_that_costs_little(late, widest, monkeypatch):
    enlarge = Enlarger("slow", 1, 3, lambda lr: lr, CPU)
    enlarge.reach, enlarge.bytes_per_pixel = Reach(late=late), 8000.0
    monkeypatch.setattr("sr.inference.tiles.free_bytes", lambda device: 8 << 30)
    tiles, halo = enlarge._plan(torch.empty(1, 3, 1000, 1000))
    assert halo == widest
    assert tiles.pixels <= 1.5 * 1000**2


def limited(limit_px: int, **options) -> tuple[Enlarger, list[tuple[int, int]]]:
    """An enlarger by 2 on a device that holds `limit_px` pixels, and what it was given."""
    enlarge = Enlarger("short", 2, 3, load("bilinear", 2).run, CPU, **options)
    shapes = counted(enlarge)
    run = enlarge.run

    def short(lr):
        made = run(lr)
        if lr[0, 0].numel() > limit_px:
            raise torch.OutOfMemoryError("tried to allocate 80 GiB")
        return made

    enlarge.run = short
    return enlarge, shapes


@pytest.mark.parametrize(
    ("limit_px", "tile", "given"),
    [
        (100**2, "auto", [(130, 150), (80, 80), (80, 96), (80, 38)]),  # tiles of 64
        (70**2, "auto", [(130, 150), (80, 80), (48, 48), (48, 64)]),  # of 64, then of 32
        (70**2, 64, [(80, 80), (48, 48), (48, 64), (48, 64)]),
    ],
)
def test_where_memory_runs_out_tiles_are_halved_until_they_fit(limit_px, tile, given):
    enlarge, shapes = limited(limit_px, tile=tile)
    lr = torch.rand(1, 3, 130, 150)
    assert close(enlarge(lr), load("bilinear", 2)(lr))
    assert shapes[:4] == given


@pytest.mark.parametrize(
    ("tile", "bounded", "tries"),
    [("auto", True, 3), (32, True, 1), (0, True, 3), ("auto", False, 3)],  # whole, 64 and 32
)
def test_where_nothing_fits_it_is_said_of_which_image(tile, bounded, tries):
    enlarge, shapes = limited(10, tile=tile, bounded=bounded)
    with pytest.raises(UserError, match=r"^short: not enough memory for an image of 150x130$"):
        enlarge(torch.rand(1, 3, 130, 150))
    assert len(shapes) == tries


def test_a_cpu_without_memory_is_like_a_gpu_without():
    enlarge, shapes = limited(70**2)
    short = enlarge.run

    def as_the_cpu_says_it(lr):
        try:
            return short(lr)
        except torch.OutOfMemoryError:
            raise RuntimeError(
                "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"
            ) from None

    enlarge.run = as_the_cpu_says_it
    lr = torch.rand(1, 3, 130, 150)
    torch.testing.assert_close(enlarge(lr), load("bilinear", 2)(lr))
    assert max(max(shape) for shape in shapes[1:]) <= 96


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    enlarge = Enlarger("broken", 2, 3, lambda lr: lr @ torch.zeros(3, 3), CPU)
    with pytest.raises(UserError, match=r"the network broken fails on an image of 20x20 .*cannot be multiplied"):
        enlarge(torch.rand(1, 3, 20, 20))


# --- precision --------------------------------------------------------------------------------------------------------


def test_half_precision_is_near_and_is_used(lr, monkeypatch):
    enlarge = load("fast_x4")
    exact = enlarge(lr)
    enlarge.precision = "bf16"
    half = enlarge(lr)
    assert half.dtype == torch.float32
    assert 0 < (half - exact).abs().max() < 0.05
    enlarge.precision = "auto"  # on a CPU: float32
    assert torch.equal(enlarge(lr), exact)


def test_a_half_that_overflows_is_given_up_and_said_once(lr, capsys):
    class Overflowing(nn.Module):
        def forward(self, lr):
            large = F.conv2d(lr, torch.full((3, 3, 1, 1), 1e5))
            return F.interpolate(F.conv2d(large, torch.full((3, 3, 1, 1), 1e-6)), scale_factor=2)

    enlarge = of_generator("large", Overflowing(), 2, 3, CPU)
    exact = enlarge(lr)
    enlarge.precision = "fp16"
    for _ in range(2):
        torch.testing.assert_close(enlarge(lr), exact)
    assert capsys.readouterr().err.count("large: fp16 gives NaN or infinity") == 1


@pytest.mark.parametrize("before", [True, False])
def test_tf32_is_off_while_a_network_runs_and_as_it_was_behind(lr, before, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", before)
    seen = []

    def run(lr):
        seen.append(torch.backends.cudnn.allow_tf32)
        return lr

    enlarge = Enlarger("x", 1, 3, run, CPU, tile=16)
    enlarge(lr)
    assert seen
    assert not any(seen)
    assert torch.backends.cudnn.allow_tf32 is before
