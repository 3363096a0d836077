"""Missing pixels never look like others, nor others like them."""

import numpy as np
import pytest

from sr.formats.nodata import masked, stored


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.float32, np.float64])
def test_there_and_back_changes_nothing(dtype):
    ends = np.iinfo(dtype) if np.dtype(dtype).kind in "ui" else np.finfo(dtype)
    pixels = np.array([[ends.min, 7, 3, ends.max]], dtype)[..., None]
    away = np.array([[False, True, False, False]])[..., None]
    found = masked(pixels, away)
    assert np.array_equal(np.isnan(found), away)
    assert np.array_equal(stored(found, pixels.dtype, 7), pixels)


def test_the_largest_of_32_bits_does_not_turn_over():
    # float32, as networks make it, holds 2**31 - 1 as 2**31, one more than there is.
    for dtype in (np.int32, np.uint32):
        most = np.array([np.iinfo(dtype).max], np.float32)
        assert stored(most, np.dtype(dtype), None) == np.iinfo(dtype).max


@pytest.mark.parametrize(("value", "beside"), [(0, 1), (100, 101), (255, 254)])
def test_a_pixel_that_comes_out_as_the_value_of_missing_ones_moves_by_one(value, beside):
    pixels = np.array([value, np.nan, value + 0.4, value - 0.4], np.float32)
    assert stored(pixels, np.dtype(np.uint8), value).tolist() == [beside, value, beside, beside]
    whole = np.array([value, 7], np.uint8)  # nothing missing
    assert stored(whole, np.dtype(np.uint8), value).tolist() == [beside, 7]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, -9999.0, -3.4028234663852886e38, 1e-3])
def test_the_same_in_floating_point_by_a_hair(value, dtype):
    pixels = np.array([value, np.nan, 5], dtype)
    made = stored(pixels, np.dtype(dtype), value)
    assert made.dtype == dtype
    assert made[0] != dtype(value)
    assert made[0] == pytest.approx(value, rel=1e-5, abs=1e-30)
    assert made[1:].tolist() == [dtype(value), 5]


def test_rounded_and_clipped_never_wrapped():
    pixels = np.array([-3, 0.4, 0.6, 254.6, 300], np.float32)
    assert stored(pixels, np.dtype(np.uint8), None).tolist() == [0, 0, 1, 255, 255]


def test_a_value_that_the_type_cannot_hold_is_no_value():
    assert stored(np.array([np.nan, 3], np.float32), np.dtype(np.uint8), -9999).tolist() == [0, 3]
    assert stored(np.array([np.nan, 3], np.float32), np.dtype(np.uint8), float("nan")).tolist() == [0, 3]
    made = stored(np.array([np.nan, 3], np.float32), np.dtype(np.float32), None)
    assert np.isnan(made[0])
    assert made[1] == 3
