import random

import pytest
import torch
import torch.nn.functional as F

from sr.generators import Compact
from sr.inference import tiles
from sr.inference.models import load
from sr.inference.reach import reach_px
from sr.inference.tiles import bytes_per_pixel, tile_that_fits, tiled
from sr.weights import store as weights

from .conftest import spread
from .networks import NETWORKS

CPU = torch.device("cpu")


# --- tiles ------------------------------------------------------------------------------------------------------------

PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71]
DRAWN = random.Random(0)
SIZES = [(DRAWN.choice(PRIMES), DRAWN.choice(PRIMES), DRAWN.choice([16, 32, 48])) for _ in range(12)]
SIZES += [(DRAWN.randint(17, 90), DRAWN.randint(17, 90), DRAWN.choice([16, 32, 48])) for _ in range(6)]
SIZES += [(1, 1, 16), (64, 96, 32)]


@pytest.mark.parametrize(("height", "width", "tile"), SIZES)
@pytest.mark.parametrize("name", ["compact", "srresnet"])
def test_tiles_make_the_whole_image(name, height, width, tile):
    network = spread(NETWORKS[name]())
    lr = torch.rand(2, 1, height, width)
    whole = network(lr)
    shapes = []
    made, _ = tiled(lambda x: shapes.append(x.shape[-2:]) or network(x), lr, network.scale, (tile, tile), 16)
    assert made.shape == whole.shape
    assert (made - whole).abs().max() <= 1e-5 * whole.abs().max()
    assert len(shapes) == -(-height // tile) * -(-width // tile)
    assert max(max(shape) for shape in shapes) <= tile + 2 * 16


@pytest.mark.parametrize("name", ["compact-deep", "srresnet-skip", "bicubic", "folding", "uneven"])
def test_tiles_with_the_reach_that_was_measured(name):
    network = spread(NETWORKS[name]())
    lr = torch.rand(1, 1, 86, 134)
    whole = network(lr)
    made, _ = tiled(network, lr, network.scale, (32, 32), reach_px(network, 1))
    assert (made - whole).abs().max() <= 1e-5 * whole.abs().max()


@pytest.mark.parametrize("name", ["compact", "srresnet"])
def test_a_halo_narrower_than_the_reach_leaves_seams(name, monkeypatch):
    monkeypatch.setattr("sr.inference.reach.GRID_PX", 1)
    network = spread(NETWORKS[name]())
    reach = reach_px(network, 1)
    lr = torch.rand(1, 1, 70, 70)
    whole = network(lr)
    exact, narrow = (tiled(network, lr, network.scale, (32, 32), halo)[0] for halo in (reach, reach - 1))
    assert (exact - whole).abs().max() <= 1e-5 * whole.abs().max() < (narrow - whole).abs().max()


def test_an_image_smaller_than_a_tile_is_enlarged_whole():
    seen = []
    tiled(lambda x: seen.append(x) or F.interpolate(x, scale_factor=2), lr := torch.rand(1, 3, 30, 20), 2, (32, 32), 16)
    assert len(seen) == 1
    assert torch.equal(seen[0], lr)


@pytest.mark.parametrize(("height", "width"), [(100, 130), (33, 97), (20, 20), (64, 31)])
def test_tiles_that_fade_leave_no_seam(height, width):
    """What each tile adds of its own, as a network that sees all does, changes slowly over the overlap."""
    seen = []

    def shifted(lr):
        seen.append(lr.shape)
        return lr.repeat_interleave(2, -1).repeat_interleave(2, -2) + len(seen) / 10

    flat, _ = tiled(shifted, torch.zeros(1, 1, height, width), 2, (32, 32), 32, fade=True)
    steps = max(flat.diff(dim=-1).abs().max(), flat.diff(dim=-2).abs().max())
    assert 0.1 <= flat.min() <= flat.max() <= len(seen) / 10 + 1e-6
    assert steps <= len(seen) / 10 / 32 + 1e-6  # a seam would be a step of a tenth or more
    lr = torch.rand(1, 2, height, width)
    same, _ = tiled(lambda x: F.interpolate(x, scale_factor=2), lr, 2, (32, 32), 32, fade=True)
    torch.testing.assert_close(same, F.interpolate(lr, scale_factor=2))


# --- how large they may be --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "pixel_bytes", "halo", "tile"),
    [
        (2 * 1000 * 200**2, 1000, 16, 160),  # a side of 200 holds a tile of 168
        (2 * 1000 * 192**2, 1000, 16, 160),
        (2 * 1000 * 192**2 - 1, 1000, 16, 144),
        (2 * 1000 * 192**2, 1000, 0, 192),
        (2 * 1000 * 40**2, 1000, 16, 32),
        (0, 1000, 48, 32),
    ],
)
def test_the_largest_tile_takes_half_of_the_free_memory(free, pixel_bytes, halo, tile, monkeypatch):
    monkeypatch.setattr(tiles, "free_bytes", lambda device: free)
    assert tile_that_fits(pixel_bytes, halo, CPU) == tile


def test_the_memory_of_a_pixel_is_that_of_all_tensors_at_once():
    assert bytes_per_pixel(lambda lr: lr + 1, 3, CPU) == 12
    assert bytes_per_pixel(lambda lr: (lr + 1).sqrt() * 2, 3, CPU) == 24  # the first is gone when the third is made
    assert bytes_per_pixel(lambda lr: F.interpolate(lr, scale_factor=4), 1, CPU) == 64


def test_the_memory_of_a_pixel_does_not_grow_with_depth():
    # Layers that autograd would keep for a backward pass are not kept.
    shallow, deep = (bytes_per_pixel(Compact(width=16, depth=depth), 3, CPU) for depth in (2, 20))
    assert shallow == deep


def test_what_is_computed_outside_of_torch_takes_what_comes_out():
    def enlarge(lr):
        return torch.from_numpy(lr.numpy().repeat(2, -1).repeat(2, -2))

    assert bytes_per_pixel(enlarge, 3, CPU) == 48


# --- the models that come along ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", weights.bundled())
def test_tiles_of_what_comes_along_make_the_whole_image(name):
    drawn = random.Random(name)
    for _ in range(20):
        height, width = drawn.choice([67, 71, 83, 97, 101, drawn.randint(33, 130)]), drawn.randint(33, 130)
        enlarge = load(name, tile=drawn.choice([16, 31, 37, 48, 53, 64]))
        lr = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(height * width))
        whole = enlarge.run(lr)
        assert (enlarge(lr) - whole).abs().max() <= 1e-4, (height, width, enlarge.tile)
