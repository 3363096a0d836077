"""The values of a file that networks see as 0 and as 1: one object for the way there and the way back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, inf, isfinite, sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sr.errors import UserError

Array = np.ndarray[Any, np.dtype[Any]]
PERCENTILES = (0.5, 99.5)  # a few pixels outside of them must not decide the range: metal, a hot voxel, a glint
MARGIN = 0.5  # of their distance, added on each side: tails that are not outliers stay inside
SAMPLES = 1 << 20  # values a channel that percentiles are taken of


@dataclass(frozen=True)
class Range:
    """`low` is seen as 0, `high` as 1; linear between them and beyond.

    Args:
        low, high: one number for all channels, or one a channel.
        how: where they come from: "type", "header", "measured", "given", ...
        least, most: the smallest and largest value in the file, where that was measured; results stay within.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    how: str = "given"
    least: tuple[float, ...] | None = None
    most: tuple[float, ...] | None = None

    @classmethod
    def of_type(cls, dtype: np.dtype[Any]) -> "Range":
        """From 0 to the largest number of an unsigned integer type."""
        return cls((0.0,), (float(np.iinfo(dtype).max),), "type")

    @classmethod
    def given(cls, *values: float) -> "Range":
        """A range that the user gives: low and high.

        Raises:
            UserError: not two finite numbers, the second larger.
        """
        if len(values) != 2 or not all(map(isfinite, values)) or not values[0] < values[1]:
            told = ", ".join(f"{value:g}" for value in values)
            raise UserError(f"range {told}: two numbers are needed, the second larger than the first")
        return cls((float(values[0]),), (float(values[1]),), "given")

    @property
    def is_of_bytes(self) -> bool:
        """Whether it is 0..255, the range of 8-bit pictures."""
        return set(self.low) == {0.0} and set(self.high) == {255.0}

    def scaled(self, factor: Sequence[float], offset: Sequence[float]) -> "Range":
        """The same range of the values `factor` * v + `offset`, each one number or one a channel."""

        def moved(values: tuple[float, ...]) -> tuple[float, ...]:
            return tuple((np.asarray(values) * np.asarray(factor) + np.asarray(offset)).tolist())

        least, most = self.least, self.most
        if least is not None and most is not None:
            ends = np.sort([moved(least), moved(most)], 0)  # a negative factor turns them round
            least, most = tuple(ends[0].tolist()), tuple(ends[1].tolist())
        return replace(self, low=moved(self.low), high=moved(self.high), least=least, most=most)

    def unscaled(self, factor: Sequence[float], offset: Sequence[float]) -> "Range":
        """The inverse of `scaled`."""
        by, off = np.asarray(factor), np.asarray(offset)
        return self.scaled((1 / by).tolist(), (-off / by).tolist())

    def with_alpha(self, channels: int, full: float) -> "Range":
        """The same of that many channels, and one more: transparency from 0 to `full`."""

        def longer(values: tuple[float, ...], more: float) -> tuple[float, ...]:
            return (*(values * channels if len(values) == 1 else values), more)

        least, most = (None if v is None else longer(v, m) for v, m in ((self.least, 0.0), (self.most, full)))
        return replace(self, low=longer(self.low, 0.0), high=longer(self.high, full), least=least, most=most)

    def rising(self, slope: Sequence[float]) -> "Range":
        """With low and high exchanged where the slope is negative: larger stored values mean less of the unit."""
        pairs = zip(self.low, self.high, tuple(slope) * len(self.low) if len(slope) == 1 else slope, strict=False)
        ends = [(high, low) if factor < 0 else (low, high) for low, high, factor in pairs]
        return replace(self, low=tuple(low for low, _ in ends), high=tuple(high for _, high in ends))

    def of_channels(self, channels: Sequence[int]) -> "Range":
        """The range of some of the channels, in that order."""

        def chosen(values: tuple[float, ...]) -> tuple[float, ...]:
            return values if len(values) == 1 else tuple(values[i] for i in channels)

        least, most = (None if values is None else chosen(values) for values in (self.least, self.most))
        return replace(self, low=chosen(self.low), high=chosen(self.high), least=least, most=most)

    def to_unit(self, pixels: Array) -> Array:
        """Values of a file, ... C, to float32, in which `low` is 0 and `high` is 1. NaN stays NaN."""
        exact = np.float32 if pixels.dtype.itemsize <= 2 or pixels.dtype == np.float32 else np.float64
        low, high = np.array(self.low), np.array(self.high)
        unit = (pixels.astype(exact) - low.astype(exact)) / (high - low).astype(exact)
        with np.errstate(over="ignore"):
            return unit.astype(np.float32, copy=False)

    def from_unit(self, image: Tensor, dtype: np.dtype[Any]) -> Array:
        """N C H W back to values of the file, N H W C of `dtype`: rounded, and kept within what that can be."""
        integers = np.issubdtype(dtype, np.integer)
        image = image.float() if dtype.itemsize <= 2 or dtype == np.float32 else image.double()
        low, high = (torch.tensor(ends, dtype=image.dtype, device=image.device) for ends in (self.low, self.high))
        image = (image * _by_channel(high - low)).add_(_by_channel(low))  # from here on in its place
        least, most = self.least, self.most
        if integers:
            ends = limits(dtype, np.dtype(np.float32 if image.dtype == torch.float32 else np.float64))
            least = tuple(max(value, ends[0]) for value in least or ends[:1])
            most = tuple(min(value, ends[1]) for value in most or ends[1:])
        if least is not None and most is not None:
            bounds = (torch.tensor(end, dtype=image.dtype, device=image.device) for end in (least, most))
            image.clamp_(*map(_by_channel, bounds))
        made = (image.round_() if integers else image).permute(0, 2, 3, 1).cpu().numpy()
        return made.astype(dtype, copy=False)

    def __str__(self) -> str:
        """As in "range -1024..1800 (measured)"."""
        pairs = [f"{low:.6g}..{high:.6g}" for low, high in zip(self.low, self.high, strict=True)]
        more = f" and {len(pairs) - 4} more" if len(pairs) > 5 else ""
        pairs = pairs[:4] if more else pairs
        return f"range{'s' if len(pairs) > 1 else ''} {', '.join(pairs)}{more} ({self.how})"


class Measurement:
    """Finds a range that outliers do not stretch, of pixels that are added part by part.

    Low and high are the percentiles .5 and 99.5 and half their distance more on each side, but never beyond the least
    and the most value: without outliers that is mostly all values, and with outliers the others keep their contrast.

    Args:
        pixels: how many there will be in all, about; of more than a million a channel a grid is looked at.
        together: channels share one unit, and so one range.
    """

    def __init__(self, pixels: int, together: bool = False) -> None:
        self.pixels, self.together = pixels, together
        self.least: Array = np.array(inf)
        self.most: Array = np.array(-inf)
        self.samples: list[Array] = []

    def add(self, pixels: Array) -> None:
        """Look at H W C; what is not finite is left out."""
        values = pixels.reshape(-1, 1) if self.together else pixels.reshape(-1, pixels.shape[-1])
        if values.dtype.kind == "f":
            finite = np.isfinite(values)
            values_low, values_high = np.where(finite, values, inf), np.where(finite, values, -inf)
        else:
            values_low = values_high = values
        self.least = np.minimum(self.least, values_low.min(0))
        self.most = np.maximum(self.most, values_high.max(0))
        share = max(values.shape[1] / 4, 1)  # fewer pixels of many channels, so that memory stays bounded
        step = max(ceil(sqrt(self.pixels * share / SAMPLES)), 1)
        self.samples.append(pixels[::step, ::step].reshape(-1, values.shape[1]).copy())

    def range(self, how: str = "measured") -> Range:
        """The range of what was seen; 0..1 of a channel in which nothing was finite."""
        ends = []
        for i, (least, most) in enumerate(zip(np.atleast_1d(self.least), np.atleast_1d(self.most), strict=True)):
            column = np.concatenate([samples[:, i] for samples in self.samples]).astype(np.float64)
            column = column[np.isfinite(column)]
            if least > most:
                ends.append((0.0, 1.0, -inf, inf))
                continue
            low, high = np.percentile(column, PERCENTILES) if len(column) else (least, most)
            margin = MARGIN * (high - low)
            low, high = max(low - margin, least), min(high + margin, most)
            if not low < high:  # nearly all pixels have one value
                low, high = least, most
            ends.append((low, high if high > low else low + (abs(low) or 1.0), least, most))
        found = [tuple(float(value) for value in column) for column in zip(*ends, strict=True)]
        return Range(found[0], found[1], how, found[2], found[3])


def limits(dtype: np.dtype[Any], working: np.dtype[Any]) -> tuple[float, float]:
    """The least and the most of integers that a float of this type can be and still come out as it is: the largest of
    64 bits is rounded up in float64, and would come out as the least.
    """
    info, most = np.iinfo(dtype), working.type(np.iinfo(dtype).max)
    return float(info.min), float(most if int(most) <= info.max else np.nextafter(most, working.type(0)))


def of_pixels(pixels: Array) -> Range:
    """The range of an array of which nothing else is known, ... H W C: of 8 and 16 unsigned bits what they can hold."""
    if pixels.dtype in (np.uint8, np.uint16):
        return Range.of_type(pixels.dtype)
    measurement = Measurement(int(np.prod(pixels.shape[:-1])))
    for image in pixels.reshape(-1, *pixels.shape[-3:]):
        measurement.add(image)
    return measurement.range()


def unit(image: Tensor, memory_format: torch.memory_format = torch.contiguous_format) -> Tensor:
    """What a data set hands out, N C H W, as float in [0, 1]: integers of pictures; float is in it already."""
    whole = image.to(dtype=torch.float32, memory_format=memory_format)
    return whole if image.is_floating_point() else whole / torch.iinfo(image.dtype).max


def _by_channel(values: Tensor) -> Tensor:
    return values.reshape(1, -1, 1, 1)
