"""Slices along one axis, or along all three."""

import numpy as np
import pytest
import torch

from sr.errors import UserError
from sr.formats.nifti import coarsest_axis
from sr.image.range import Range
from sr.image.resize import resize_axis
from sr.inference.pixels import Options, enlarge
from sr.inference.volume import axes, enlarge_volume


def noise(*shape, dtype=np.int16):
    return np.random.default_rng(0).integers(-1000, 1500, shape).astype(dtype)


@pytest.mark.parametrize(
    ("wanted", "spacing", "shape", "found"),
    [
        ("auto", (1, 1, 3), (9, 9, 9, 1), [2]),
        ("auto", (4, 1, 3), (9, 9, 9, 1), [0]),
        ("auto", (1, 5, 3), (9, 9, 9, 1), [1]),
        ("auto", (1, 1, 1), (9, 9, 9, 1), [2]),
        ("auto", (1, 3, 3), (9, 9, 9, 1), [2]),
        ("auto", (1, 1, 3), (9, 1, 9, 1), [1]),  # a single slice
        ("y", (1, 1, 3), (9, 9, 9, 1), [1]),
        ("all", (1, 1, 3), (9, 9, 9, 1), [0, 1, 2]),
    ],
)
def test_slices_are_taken_where_the_voxels_lie_farthest_apart(wanted, spacing, shape, found):
    assert axes(wanted, coarsest_axis(spacing, shape)) == found


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_along_one_axis_each_slice_is_an_image(bicubic, axis):
    voxels, values = noise(7, 8, 9, 2), Range((-1000.0,), (1500.0,))
    made, invented = enlarge_volume(bicubic, voxels, [axis], values, Options())
    assert invented is None
    assert made.dtype == np.int16
    for t in range(2):
        for k in range(voxels.shape[axis]):
            expected = enlarge(bicubic, voxels[..., t].take(k, axis)[..., None], False, None, values)[0][..., 0]
            assert np.abs(made[..., t].take(k, axis).astype(int) - expected).max() <= 1


def test_all_axes_of_a_linear_enlarger_are_the_resize_of_the_volume(bicubic):
    voxels = 100 + 50 * np.random.default_rng(0).random((7, 8, 9, 1)).astype(np.float32)
    made = enlarge_volume(bicubic, voxels, [0, 1, 2], Range((0.0,), (255.0,)), Options())[0]  # nothing is cut
    expected = torch.from_numpy(voxels[..., 0])
    for axis, size in enumerate((14, 16, 18)):
        expected = resize_axis(expected.movedim(axis, -1), -1, size).movedim(-1, axis)
    np.testing.assert_allclose(made[..., 0], expected, atol=1e-3)


def test_a_constant_volume_stays_constant(bicubic):
    for along in ([1], [0, 1, 2]):
        made = enlarge_volume(
            bicubic, np.full((5, 6, 7, 1), -300, np.int16), along, Range((-1000,), (1000,)), Options(scale=1.7)
        )
        assert (made[0] == -300).all()


@pytest.mark.parametrize("along", [[2], [0, 1, 2]])
def test_the_map_of_what_was_invented_has_the_size_of_the_volume(bicubic, along):
    voxels = noise(7, 8, 9, 1)
    voxels[:, :, :4] = 0  # of nothing nothing is invented
    options = Options(uncertainty=True, scale=3)
    made, invented = enlarge_volume(bicubic, voxels, along, Range((-1000.0,), (1500.0,)), options)
    assert invented.shape == made.shape
    assert invented.dtype == np.uint8
    depth = made.shape[2] // 9
    assert invented[:, :, : 2 * depth].max() == 0 or len(along) == 3
    assert invented[:, :, 5 * depth :].max() > 0


def test_a_box_names_width_and_height(bicubic):
    voxels = noise(4, 9, 3, 1)  # of X Y Z: four wide, nine high
    made = enlarge_volume(bicubic, voxels, [2], Range((-1000.0,), (1500.0,)), Options(fit_px=(8, 1000)))[0]
    assert made.shape == (8, 18, 3, 1)
    with pytest.raises(UserError, match="along all axes give --scale"):
        enlarge_volume(bicubic, voxels, [0, 1, 2], Range((-1000.0,), (1500.0,)), Options(fit_px=(8, 8)))


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_holes_do_not_grow_along_any_axis(bicubic, hole):
    voxels = np.full((9, 9, 9, 1), 5, np.float32)
    voxels[3:5, 4, 6] = hole
    made = enlarge_volume(bicubic, voxels, [0, 1, 2], Range((0.0,), (10.0,), least=(5.0,), most=(5.0,)), Options())[0]
    holes = ~np.isfinite(voxels).repeat(2, 0).repeat(2, 1).repeat(2, 2)
    assert np.array_equal(made[holes], np.full(holes.sum(), hole, np.float32), equal_nan=True)
    np.testing.assert_allclose(made[~holes], 5, atol=1e-5)
