"""How wide edges are and by how much they overshoot: the width of the kernel, and halos of sharpening and ringing.

The edge spread function of ISO 12233: profiles across steps between two flat sides, aligned at the point halfway, put
together in quarters of a pixel. A lens, a resize or a filter widens all edges: the sharpest ones tell how much.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
REACH_PX = 7  # of a profile, to both sides
FLAT_PX = 3  # of each end, that must be flat
CONTRAST = 20.0  # levels: of the smallest step
OVER_NOISE = 8.0  # times the noise: the same
UNEVEN = 0.2  # of the step: from its lowest to its highest value, how much a flat side may vary
HALO_PX = 4  # beside the edge, in which it may overshoot
SHARPEST = 0.5  # of the edges: the others are soft in what is shown
LEAST = 24  # edges that tell something
BINS = 4  # a pixel


class Edges(NamedTuple):
    """What edges tell.

    Args:
        width: in pixels, the standard deviation of the Gaussian kernel that would make a step as steep as they are.
        halo: share of the step by which they overshoot, mean of both sides.
    """

    width: float
    halo: float


def edges(planes: Sequence[Array], noise: float = 0.0) -> Edges | None:
    """Width and halo of the sharpest edges; None where too few stand free.

    Args:
        planes: parts of the luma, each H W, in levels.
        noise: its standard deviation.
    """
    least = max(CONTRAST, OVER_NOISE * noise)
    given = [side for plane in planes for side in (plane, plane.T) if min(side.shape) > 2 * REACH_PX]
    profiles = np.concatenate([_profiles(side.astype(np.float32), least) for side in given]) if given else np.empty(0)
    if len(profiles) < LEAST:
        return None
    steepness = (profiles[:, 2:] - profiles[:, :-2]).max(axis=1)  # the same wherever between two pixels the edge lies
    profiles = profiles[np.argsort(-steepness, kind="stable")]
    sharpest = profiles[: max(int(SHARPEST * len(profiles)), LEAST)]
    width = _width(_spread(sharpest))
    return None if width is None else Edges(width, _halo(sharpest))


def _halo(profiles: Array) -> float:
    """Median of the overshoot beside the edge, mean of the bright and the dark side."""
    over = profiles[:, REACH_PX + 1 : REACH_PX + 1 + HALO_PX].max(axis=1) - 1
    under = -profiles[:, REACH_PX - HALO_PX : REACH_PX].min(axis=1)
    return max(float(np.median((over + under) / 2)), 0.0)


def _profiles(plane: Array, least: float) -> Array:
    """Across steps from left to right: N x 15, from 0 to 1."""
    slope, tilt = np.zeros_like(plane), np.zeros_like(plane)
    slope[:, 1:-1] = (plane[:, 2:] - plane[:, :-2]) / 2
    tilt[1:-1] = (plane[2:] - plane[:-2]) / 2
    steep = np.abs(slope)
    peak = (steep[:, 1:-1] >= steep[:, :-2]) & (steep[:, 1:-1] > steep[:, 2:])
    peak &= (steep[:, 1:-1] > least / 8) & (steep[:, 1:-1] > 4 * np.abs(tilt[:, 1:-1]))
    peak[:, : REACH_PX - 1] = peak[:, plane.shape[1] - REACH_PX - 1 :] = False
    rows, columns = np.nonzero(peak)
    found = plane[rows[:, None], columns[:, None] + 1 + np.arange(-REACH_PX, REACH_PX + 1)]
    left, right = found[:, :FLAT_PX], found[:, -FLAT_PX:]
    low, step = left.mean(axis=1), right.mean(axis=1) - left.mean(axis=1)
    even = np.maximum(np.ptp(left, axis=1), np.ptp(right, axis=1)) < UNEVEN * np.abs(step)
    good = (np.abs(step) > least) & even
    profiles = (found[good] - low[good, None]) / step[good, None]
    return profiles[(profiles[:, REACH_PX - 1] < 0.5) & (profiles[:, REACH_PX + 1] > 0.5)]  # no flank of a halo


def _spread(profiles: Array) -> Array:
    """Their common profile, from -6 to 6 pixels, `BINS` values a pixel."""
    middle = REACH_PX
    at = np.arange(-REACH_PX, REACH_PX + 1, dtype=np.float32)
    # Halfway lies between two of the three pixels in the middle.
    before = np.where(profiles[:, middle] > 0.5, middle - 1, middle)
    rows = np.arange(len(profiles))
    low, high = profiles[rows, before], profiles[rows, before + 1]
    halfway = at[before] + (0.5 - low) / (high - low)
    places = np.rint((at - halfway[:, None]) * BINS).astype(int)
    ends = (REACH_PX - 1) * BINS
    return np.array([_mean(profiles[places == place]) for place in range(-ends, ends + 1)])


def _mean(values: Array) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _width(profile: Array) -> float | None:
    middle = len(profile) // 2
    known = np.isfinite(profile)
    if not known[middle - BINS : middle + BINS + 1].sum() > BINS or known.sum() < len(profile) // 4:
        return None
    profile = np.interp(np.arange(len(profile)), np.nonzero(known)[0], profile[known])
    rise = float(profile[middle + BINS // 2] - profile[middle - BINS // 2])  # of a Gaussian's erf(1 / sqrt(8) width)
    return 0.5 / NormalDist().inv_cdf((1 + min(max(rise, 0.02), 0.999)) / 2)
