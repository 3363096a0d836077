"""Enlarged labels are labels of the input; edges are those of torch's interpolation of each label's own mask."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sr.errors import UserError
from sr.image.range import Range
from sr.inference import windows
from sr.inference.labels import enlarged, repeating
from sr.inference.pixels import Options, enlarge
from sr.inference.stretch import Stretch
from sr.inference.windows import enlarge_windows


def classes(*shape, dtype=np.int16, kinds=5):
    return (np.random.default_rng(0).integers(0, kinds, shape) * 23 - 40).astype(dtype)


def along(shape, scale):
    return [Stretch.whole(round(n * scale), n) for n in shape]


def largest_mask(labels, size):
    """The label whose mask, interpolated linearly, is largest; the nearest where several are."""
    names = np.unique(labels)
    masks = torch.from_numpy(np.stack([labels == name for name in names]).astype(np.float64))[None]
    mode = "bilinear" if labels.ndim == 2 else "trilinear"
    shares = F.interpolate(masks, size, mode=mode, align_corners=False)
    return names[(shares + 1e-9 * F.interpolate(masks, size, mode="nearest-exact"))[0].argmax(0)]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("scale", [1, 2, 3, 4, 1.37])
def test_a_majority_is_that_of_interpolated_masks(scale, dtype):
    labels = (classes(19, 23) + 40).astype(dtype)
    made = enlarged(labels[..., None], along(labels.shape, scale), "majority")[..., 0]
    assert made.dtype == dtype
    assert np.array_equal(made, largest_mask(labels, made.shape))


def test_a_majority_in_a_volume():
    labels = classes(5, 6, 7)
    made = enlarged(labels[..., None], along(labels.shape, 3), "majority")[..., 0]
    assert np.array_equal(made, largest_mask(labels, made.shape))
    assert not np.array_equal(made, labels.repeat(3, 0).repeat(3, 1).repeat(3, 2))


def test_corners_are_rounded_and_nothing_vanishes():
    labels = np.zeros((9, 9), np.uint8)
    labels[4, 4], labels[1, :] = 7, 3
    made = enlarged(labels[..., None], along(labels.shape, 4), "majority")[..., 0]
    assert np.array_equal(made[16:20, 16:20], [[0, 7, 7, 0], [7, 7, 7, 7], [7, 7, 7, 7], [0, 7, 7, 0]])
    assert (made[4:8] == 3).all()
    assert set(np.unique(made)) == {0, 3, 7}


def test_nearest_repeats():
    labels = classes(2, 5, 6, 3)  # N H W C
    assert np.array_equal(enlarged(labels, along((5, 6), 3), "nearest"), labels.repeat(3, 1).repeat(3, 2))


def test_shrunk_labels_are_those_of_most_pixels():
    labels = np.zeros((64, 64), np.uint8)
    labels[:, 40:], labels[3, 3] = 5, 9
    made = enlarged(labels[..., None], along(labels.shape, 1 / 16), "majority")[..., 0]
    assert np.array_equal(made, [[0, 0, 5, 5]] * 4)


def test_missing_labels_are_labels():
    labels = np.array([[np.nan, np.nan, 1], [np.nan, np.nan, 1], [2, 2, -np.inf]], np.float32)
    made = enlarged(labels[..., None], along(labels.shape, 3), "majority")[..., 0]
    assert np.isnan(made[:5, :5]).all()
    assert np.isneginf(made[-1, -1])
    assert set(made[~np.isnan(made)]) == {1, 2, -np.inf}


def test_colours_are_not_mixed():
    palette = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)], np.uint8)
    pixels = palette[np.random.default_rng(0).integers(0, 4, (12, 14))]
    made = enlarged(pixels, along((12, 14), 4), "majority", together=True)
    names = (pixels * [1, 2, 4]).sum(-1)
    assert np.array_equal((made * [1, 2, 4]).sum(-1), largest_mask(names, (48, 56)))
    apart = enlarged(pixels, along((12, 14), 4), "majority")
    assert len(np.unique(apart.reshape(-1, 3), axis=0)) > 4  # or the test above could not fail


@pytest.mark.parametrize("how", ["nearest", "majority"])
def test_windows_are_parts_of_the_whole(monkeypatch, bicubic, how):
    for name, value in {"WINDOW_PX": 32, "BLOCK_PX": 32}.items():
        monkeypatch.setattr(windows, name, value)
    labels = np.kron(classes(20, 25), np.ones((5, 5), np.int16))[..., None]
    options = Options(scale=2.7, labels=how)
    expected, _ = enlarge(bicubic, labels, options=options)
    made, parts = np.zeros_like(expected), []

    def write(rows, columns, pixels):
        made[rows, columns] = pixels
        parts.append(pixels.shape)

    enlarge_windows(repeating(how, bicubic), lambda rows, columns: labels[rows, columns], write, labels.shape[:2],
                    Range((0.0,), (1.0,)), options=options)  # fmt: skip
    assert len(parts) > 4
    assert np.array_equal(made, expected)
    assert np.array_equal(expected[..., 0], enlarged(labels, along(labels.shape[:2], 2.7), how)[..., 0])


def test_no_map_of_what_was_invented_where_nothing_is(bicubic):
    made, invented = enlarge(bicubic, classes(6, 7, 1), options=Options(labels="nearest", uncertainty=True))
    assert made.shape == invented.shape == (12, 14, 1)
    assert not invented.any()


def test_a_word_that_is_no_way(bicubic):
    with pytest.raises(UserError, match="labels=sharp: one of auto, nearest, majority, no is needed"):
        Options(labels="sharp")
