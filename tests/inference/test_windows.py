"""Windows, however they fall, make what the whole makes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sr.formats.nodata import FILL_PX
from sr.generators import Compact
from sr.image.range import Range, of_pixels
from sr.inference import models, windows
from sr.inference.enlarger import Enlarger
from sr.inference.pixels import Options, enlarge

from .conftest import spread


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(windows, "WINDOW_PX", 64)
    monkeypatch.setattr(windows, "BLOCK_PX", 32)


@pytest.fixture(scope="module")
def network():
    """Its farthest pixels matter."""
    made = spread(Compact(scale=2, channels=3, width=8, depth=3))
    return models.of_generator("spread", made, 2, 3, torch.device("cpu"))


def folding(lr):
    """As some networks do: two by two pixels as one, at the far edge with what is mirrored in."""
    height, width = lr.shape[-2:]
    padded = F.pad(lr, (0, width % 2, 0, height % 2), mode="replicate")
    means = F.avg_pool2d(padded, 2).repeat_interleave(4, -1).repeat_interleave(4, -2)[..., : 2 * height, : 2 * width]
    return 0.5 * means + 0.5 * lr.repeat_interleave(2, -1).repeat_interleave(2, -2)


def scene(height, width, bands=3, dtype=np.uint8):
    """Noise on a slope: no two places are alike."""
    noise = np.random.default_rng(0).random((height, width, bands))
    slope = np.linspace(0, 1, height)[:, None, None] * np.linspace(0.2, 1, width)[None, :, None]
    pixels = 200 * (0.6 * noise + 0.4 * slope)
    return pixels.astype(dtype)


def in_windows(enlarger, pixels, options=None, alpha=False, values=None):
    """What `enlarge` gives, and how many windows were read."""
    options = options or Options()
    height, width = options.size(*pixels.shape[:2], enlarger.scale)
    made = np.full((height, width, pixels.shape[2]), 77, np.result_type(pixels.dtype, np.uint8))
    invented, count = np.full((height, width, 1), 77, np.uint8), np.zeros((height, width), int)
    reads = []

    def read(rows, columns):
        reads.append((rows, columns))
        return pixels[rows, columns]

    def write(rows, columns, part):
        made[rows, columns] = part
        count[rows, columns] += 1

    def write_map(rows, columns, part):
        invented[rows, columns] = part

    masked = bool(np.isnan(pixels).any())
    values = values or of_pixels(pixels)
    windows.enlarge_windows(enlarger, read, write, pixels.shape[:2], values, alpha, masked, options, write_map)
    assert (count == 1).all()
    return made, invented, reads


SIZES = [(1, 1), (3, 200), (64, 64), (97, 131), (128, 161), (211, 83)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [None, 1.37, 3.3, 0.7])
def test_windows_are_the_whole(network, size, scale):
    pixels = scene(*size)
    whole = enlarge(network, pixels, options=Options(scale=scale))[0]
    made, _, reads = in_windows(network, pixels, Options(scale=scale))
    assert len(reads) > 1 or max(size) <= 64
    assert np.abs(made.astype(int) - whole).max() <= 1  # a sum in another order, rounded
    assert (made != whole).mean() < 1e-3


@pytest.mark.parametrize(
    "options",
    [Options(symmetries=True), Options(back_projections=10), Options(uncertainty=True, scale=1.37),
     Options(uncertainty=True, back_projections=3, scale=3.3), Options(fit_px=(301, 400))],
    ids=str,
)  # fmt: skip
def test_windows_are_the_whole_whatever_is_done_around(network, options):
    pixels = scene(97, 131)
    whole, invented = enlarge(network, pixels, options=options)
    made, found, reads = in_windows(network, pixels, options)
    assert len(reads) > 3
    assert np.abs(made.astype(int) - whole).max() <= 1
    if options.uncertainty:
        assert np.abs(found.astype(int) - invented).max() <= 1
        assert invented.max() > 0


@pytest.mark.parametrize("size", [(96, 130), (97, 131)])
@pytest.mark.parametrize("symmetries", [False, True])
def test_networks_that_fold_pixels_see_each_as_in_the_whole(size, symmetries):
    enlarger = Enlarger("folding", 2, None, folding, torch.device("cpu"))
    pixels, options = scene(*size), Options(symmetries=symmetries)
    whole = enlarge(enlarger, pixels, options=options)[0]
    assert np.abs(in_windows(enlarger, pixels, options)[0].astype(int) - whole).max() <= 1


@pytest.mark.parametrize("scale", [None, 1.37, 3.3])
@pytest.mark.parametrize("options", [Options(), Options(back_projections=3, uncertainty=True)], ids=["", "more"])
def test_windows_with_holes_are_the_whole(network, scale, options):
    pixels = scene(97, 131, dtype=np.float32)
    random = np.random.default_rng(1)
    pixels[random.random(pixels.shape[:2]) < 0.02] = np.nan
    pixels[40:90, 30:110, 1] = np.nan  # wider than holes are filled
    options = replace(options, scale=scale)
    whole, invented = enlarge(network, pixels, options=options)
    made, found, _ = in_windows(network, pixels, options)
    assert np.array_equal(np.isnan(made), np.isnan(whole))
    np.testing.assert_allclose(made, whole, atol=2e-3)
    if options.uncertainty:
        assert np.abs(found.astype(int) - invented).max() <= 1


@pytest.mark.parametrize("steps", [1, 3, 6])
@pytest.mark.parametrize("holes", [False, True])
def test_what_is_read_around_a_window_suffices_for_all_that_looks_there(steps, holes):
    """With a network that itself sees nothing around, and windows that begin beside the grid."""
    nearest, options = models.load("nearest", 2), Options(1.37, back_projections=steps)
    assert nearest.halo_px == 0
    pixels = scene(701, 40, dtype=np.float32)  # many edges of windows
    if holes:
        pixels[np.random.default_rng(1).random((701, 40)) < 0.4] = np.nan
        pixels[::3] = pixels[150:180] = np.nan
    whole = enlarge(nearest, pixels, options=options)[0]
    np.testing.assert_allclose(in_windows(nearest, pixels, options)[0], whole, atol=1e-3)


def test_transparency_in_windows_is_that_of_the_whole(network):
    pixels = scene(97, 131, 4)
    whole = enlarge(network, pixels, True, Options(scale=3.3))[0]
    made = in_windows(network, pixels, Options(scale=3.3), alpha=True)[0]
    assert np.abs(made.astype(int) - whole).max() <= 1


def test_bands_in_windows_are_those_of_the_whole(network):
    pixels = scene(97, 131, 5, np.uint16) * 20
    whole = enlarge(network, pixels)[0]
    assert np.abs(in_windows(network, pixels)[0].astype(int) - whole).max() <= 1


def test_no_window_is_larger_than_it_has_to_be(network):
    _, _, reads = in_windows(network, scene(500, 30))
    most = 64 + 2 * (network.halo_px + 4) + 2 * 16  # what is read around, and to the grid on both sides
    assert max(rows.stop - rows.start for rows, _ in reads) <= most


# --- holes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [None, 1.37])
@pytest.mark.parametrize("options", [Options(), Options(symmetries=True, back_projections=5)], ids=["", "more"])
def test_a_constant_scene_with_a_hole_stays_constant(bicubic, scale, options):
    pixels = np.full((60, 70, 1), 37, np.float32)
    pixels[20:45, 30:50] = np.nan
    made = enlarge(bicubic, pixels, False, replace(options, scale=scale), Range((0,), (100,)))[0]
    np.testing.assert_allclose(made[~np.isnan(made)], 37, atol=1e-3)
    height, width = made.shape[:2]
    rows, columns = ((np.arange(n) + 0.5) * m // n for n, m in ((height, 60), (width, 70)))
    holes = np.isnan(pixels[..., 0])[rows.astype(int)][:, columns.astype(int)]
    assert np.array_equal(np.isnan(made[..., 0]), holes)


def test_a_hole_is_felt_no_farther_than_the_network_sees(network):
    pixels = scene(80, 90, dtype=np.float32)
    holed = pixels.copy()
    holed[30:40, 40:52] = np.nan
    before, after = (enlarge(network, image, False, None, Range((0,), (200,)))[0] for image in (pixels, holed))
    reach = 4  # of five convolutions, four of which see farther, and the enlarged input: 2 more at most
    around = slice(2 * (30 - reach - 2), 2 * (40 + reach + 2)), slice(2 * (40 - reach - 2), 2 * (52 + reach + 2))
    changed = before != after
    assert changed[around].any()
    changed[around] = False
    assert not changed.any()


def test_holes_are_filled_with_what_is_around_them(bicubic):
    """Beside a hole in a slope there is no edge, as zeros in it would make one."""
    pixels = np.broadcast_to(np.linspace(10, 90, 64, dtype=np.float32)[:, None, None], (64, 64, 1)).copy()
    whole = enlarge(bicubic, pixels, False, None, Range((0,), (100,)))[0]
    pixels[:, 30:40] = np.nan
    made = enlarge(bicubic, pixels, False, None, Range((0,), (100,)))[0]
    valid = ~np.isnan(made)
    assert np.abs(made - whole)[valid].max() < 0.3  # a level of the slope is 1.3
    assert FILL_PX >= 5


def test_a_network_that_sees_all_is_given_all():
    everywhere = Enlarger("all", 2, 3, lambda lr: folding(lr) * lr.mean(), torch.device("cpu"))
    pixels = scene(150, 170)
    made, _, reads = in_windows(everywhere, pixels)
    np.testing.assert_array_equal(made, enlarge(everywhere, pixels)[0])
    assert len(reads) == 1
