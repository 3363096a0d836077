"""Which degradation of conf/degradation makes images like these: the one under which estimates like theirs are densest.

The table holds estimates of photographs that were degraded by each, with draws of their own (benchmarks/estimation.py
makes it). Their density is Parzen's: a Gaussian around each.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import log, nan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import load_file

from .photo import Estimate

Array = np.ndarray[Any, np.dtype[Any]]
TABLE = Path(__file__).with_name("presets.safetensors")
FINE = 99  # the quality that stands for no compression to be seen
KERNELS = np.array([0.25, 0.25, 0.35, 0.12, 0.04])  # standard deviations of the Gaussians, in the order of `features`
FLOOR = 1e-6  # of a density: one photo that fits nowhere does not decide


class Nearest(NamedTuple):
    """A degradation, and how sure it is.

    Args:
        name: of a file of conf/degradation.
        shares: of all of them, by name: probabilities, if all are as likely beforehand.
    """

    name: str
    shares: dict[str, float]


def features(estimate: Estimate) -> Array:
    """Numbers on scales on which distances mean about the same everywhere; NaN where nothing is known."""
    return np.array([
        log(1 + estimate.noise),
        log(1 + estimate.grain),
        log(101 - min(estimate.quality or FINE, FINE)),
        nan if estimate.width is None else min(estimate.width, 4.0),
        nan if estimate.halo is None else min(estimate.halo, 0.5),
    ])  # fmt: skip


def nearest(estimates: Sequence[Estimate], table: Mapping[str, Array] | None = None) -> Nearest:
    """The degradation that all these photographs together are most like.

    Args:
        estimates: at least one.
        table: name -> features of samples, N 5; by default the one that comes with the package.
    """
    table = table or known()
    seen = np.stack([features(estimate) for estimate in estimates])
    likely = {name: float(np.log(_density(seen, samples) + FLOOR).sum()) for name, samples in table.items()}
    most = max(likely.values())
    shares = {name: float(np.exp(value - most)) for name, value in likely.items()}
    total = sum(shares.values())
    return Nearest(max(likely, key=likely.__getitem__), {name: share / total for name, share in shares.items()})


@lru_cache(maxsize=1)
def known() -> dict[str, Array]:
    """The samples of each degradation, N 5."""
    return {name: samples.astype(np.float64) for name, samples in sorted(load_file(TABLE).items())}


def _density(seen: Array, samples: Array) -> Array:
    """Of each estimate among the samples; what is not known of one of both says nothing."""
    away = (seen[:, None] - samples[None]) / KERNELS
    told = np.where(np.isnan(away), -0.5, -0.5 * away**2)  # as if it were one standard deviation away
    return np.exp(told.sum(axis=2)).mean(axis=1)
