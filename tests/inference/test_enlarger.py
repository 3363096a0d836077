import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from sr.errors import UserError
from sr.generators import Compact, SRResNet
from sr.inference.enlarger import Enlarger
from sr.inference.interpolate import INTERPOLATIONS
from sr.inference.models import load, of_generator

from .conftest import ABOUT, close, counted, spread

CPU = torch.device("cpu")


# --- tiles ------------------------------------------------------------------------------------------------------------


class Folding(nn.Module):
    """Pixels to channels and back: the result depends on where in its tile a pixel lies."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(12, 48, 3, padding=1)

    def forward(self, lr):
        return F.pixel_shuffle(self.conv(F.pixel_unshuffle(lr, 2)), 4)


MADE = {
    "compact": lambda: of_generator("g", spread(Compact(**ABOUT["arguments"])), 2, 3, CPU),
    "srresnet": lambda: of_generator("g", spread(SRResNet(4, width=4, blocks=2)), 4, 3, CPU),
    "folding": lambda: of_generator("g", spread(Folding()), 2, 3, CPU),
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
    assert len(shapes) == 3 * 3  # of 96, which with a halo of 16 are 128
    assert max(max(shape) for shape in shapes) <= 128


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
