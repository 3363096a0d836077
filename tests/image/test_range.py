"""A range maps there and back, and a measured one is what a good one must be: robust, of a quantity, at the data."""

import numpy as np
import pytest
import torch

from sr.errors import UserError
from sr.image.range import Measurement, Range, of_pixels, unit


def measured(pixels, together=False, parts=1) -> Range:
    measurement = Measurement(pixels[..., 0].size, together)
    for part in np.array_split(pixels, parts):
        measurement.add(part)
    return measurement.range()


def to_unit(values: Range, pixels) -> torch.Tensor:
    return torch.from_numpy(values.to_unit(pixels)).permute(2, 0, 1)[None]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32])
def test_there_and_back_changes_nothing(dtype):
    info = np.iinfo(dtype)
    low, high = max(info.min, -(2**23)), min(info.max, 2**23)  # what float32 tells apart
    pixels = np.linspace(low, high, 600).round().astype(dtype).reshape(20, 30, 1)
    for values in (of_pixels(pixels), Range((float(low),), (float(high),)), Range((float(low) - 100.0,), (high / 3,))):
        made = values.from_unit(to_unit(values, pixels), pixels.dtype)
        assert made.dtype == dtype
        assert np.abs(made[0].astype(float) - pixels).max() <= (np.dtype(dtype).itemsize == 4)


def test_what_is_no_number_stays_so():
    pixels = np.array([1.0, np.nan, 3.0], np.float32).reshape(1, 3, 1)
    values = measured(pixels)
    assert (values.low, values.high) == ((1,), (3,))
    made = values.from_unit(to_unit(values, pixels), np.dtype(np.float32))
    np.testing.assert_allclose(made[0], pixels)


def test_results_stay_within_what_the_type_and_the_file_hold():
    over = torch.tensor([-1.0, 0.5, 2.0]).view(1, 1, 1, 3)
    assert Range.of_type(np.dtype(np.uint8)).from_unit(over, np.dtype(np.uint8)).ravel().tolist() == [0, 128, 255]
    file = Range((100.0,), (200.0,), "measured", (50.0,), (250.0,))
    assert file.from_unit(over, np.dtype(np.float32)).ravel().tolist() == [50, 150, 250]
    assert file.from_unit(over, np.dtype(np.int16)).ravel().tolist() == [50, 150, 250]


@pytest.mark.parametrize(("slope", "intercept"), [((1.0,), (-1024.0,)), ((0.1,), (7.0,)), ((-2.0,), (3.0,))])
def test_a_unit_and_back(slope, intercept):
    stored = Range((0.0,), (4000.0,), "measured", (-5.0,), (4095.0,))
    units = stored.scaled(slope, intercept)
    assert units.low[0] == pytest.approx(intercept[0])
    assert units.high[0] == pytest.approx(4000 * slope[0] + intercept[0])
    assert units.least is not None
    assert units.least[0] < units.most[0]
    back = units.scaled((1 / slope[0],), (-intercept[0] / slope[0],))
    for one, other in ((back.low, stored.low), (back.high, stored.high), (back.least, stored.least)):
        assert one == pytest.approx(other)


def test_8_and_16_bits_of_an_array_are_all_that_they_can_hold():
    assert of_pixels(np.full((4, 5, 3), 7, np.uint8)).is_of_bytes
    assert of_pixels(np.full((4, 5, 3), 7, np.uint16)).high == (65535.0,)


def test_without_outliers_it_is_all_that_there_is():
    pixels = np.random.default_rng(0).uniform(44_000, 47_000, (64, 64, 1)).astype(np.uint16)
    values = measured(pixels)
    assert (values.low, values.high) == ((pixels.min(),), (pixels.max(),))  # and not from 0 on


@pytest.mark.parametrize("outlier", [1e6, -1e6])
def test_a_few_pixels_do_not_decide(outlier):
    pixels = np.random.default_rng(0).normal(300, 50, (64, 64, 1))
    alone = measured(pixels)
    pixels[3:6, 7:9] = outlier
    values = measured(pixels)
    assert values.high[0] - values.low[0] < 1.3 * (alone.high[0] - alone.low[0])
    assert outlier in (values.least + values.most)  # which no result is cut at


def test_each_channel_has_its_own_unless_they_share_a_unit():
    random = np.random.default_rng(0).uniform(0, 1, (32, 32, 2))
    pixels = random * (2, 3000) - (1, 0)
    apart, together = measured(pixels), measured(pixels, together=True)
    assert apart.low == pytest.approx((-1, 0), abs=2)
    assert apart.high == pytest.approx((1, 3000), rel=0.01)
    assert len(together.low) == 1
    assert together.high[0] == pytest.approx(3000, rel=0.01)


def test_parts_make_what_the_whole_makes():
    pixels = np.random.default_rng(0).normal(0, 1, (64, 48, 2))
    whole, parts = measured(pixels), measured(pixels, parts=8)
    for one, other in ((whole.low, parts.low), (whole.high, parts.high), (whole.most, parts.most)):
        assert one == pytest.approx(other)


@pytest.mark.parametrize("value", [0.0, 1e-7, -40.0, np.nan])
def test_a_channel_without_contrast_has_some_range(value):
    values = measured(np.full((8, 8, 1), value, np.float32))
    assert values.low[0] < values.high[0]
    assert np.isfinite([*values.low, *values.high]).all()


def test_small_floats_are_not_black():
    pixels = (np.random.default_rng(0).uniform(1, 9, (32, 32, 1)) * 1e-7).astype(np.float32)
    seen = measured(pixels).to_unit(pixels)
    assert seen.min() == pytest.approx(0, abs=1e-5)
    assert seen.max() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("given", [(1, 1), (2, 1), (float("nan"), 1), (0, float("inf")), (0,), (1, 2, 3)])
def test_what_is_no_range_is_refused(given):
    with pytest.raises(UserError, match="two numbers are needed, the second larger than the first"):
        Range.given(*given)


def test_how_it_is_told():
    assert str(Range((-1024.0,), (1800.5,), "measured")) == "range -1024..1800.5 (measured)"
    assert str(Range((0.0, 1e-7), (1.0, 3e-7), "given")) == "ranges 0..1, 1e-07..3e-07 (given)"
    assert str(Range((0.0,) * 13, (1.0,) * 13)).startswith("ranges 0..1, 0..1, 0..1, 0..1 and 9 more (")


def test_data_sets_hand_out_bytes_or_floats():
    assert unit(torch.tensor([[[[0, 255]]]], dtype=torch.uint8)).tolist() == [[[[0, 1]]]]
    assert unit(torch.tensor([[[[0.25, 1.5]]]])).tolist() == [[[[0.25, 1.5]]]]


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.int64, np.uint64])
def test_the_largest_integers_do_not_turn_over(dtype):
    most, least = np.iinfo(dtype).max, np.iinfo(dtype).min
    pixels = np.array([least, most], dtype).reshape(1, 2, 1)
    values = measured(pixels)
    made = values.from_unit(to_unit(values, pixels), pixels.dtype).ravel()
    assert made[0] == least
    assert made[1] > most * 0.999


def test_transparency_has_a_range_of_its_own():
    values = measured(np.random.default_rng(0).uniform(0, 0.3, (8, 8, 3)), together=True).with_alpha(3, 255.0)
    assert len(values.low) == 4
    assert values.high[0] < 0.31
    assert (values.low[3], values.high[3], values.most[3]) == (0, 255, 255)


def test_black_stays_black_where_the_unit_falls_with_the_stored_value():
    values = Range((-50.0,), (1000.0,), "measured", (-50.0,), (1000.0,)).rising((-2.0,))
    units = values.scaled((-2.0,), (0.0,))
    assert (units.low, units.high) == ((-2000,), (100,))
