"""How sure a mean over images is, and by how much one model is better than another."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

RESAMPLES, SEED = 10_000, 0


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Bootstrap interval of the mean (Efron 1979, percentiles), the same each time.

    Args:
        values: one an image; of a single one the interval is that value.
        confidence: that it holds the mean of all such images.
    """
    x = np.asarray(values, dtype=np.float64)
    drawn = np.random.default_rng(SEED).integers(0, len(x), (RESAMPLES, len(x)))
    low, high = np.percentile(x[drawn].mean(1), [50 * (1 - confidence), 50 * (1 + confidence)])
    return float(low), float(high)


def paired(a: Mapping[str, float | None], b: Mapping[str, float | None], higher_is_better: bool) -> dict[str, Any]:
    """Scores of two models on the same images, compared image by image.

    Args:
        a, b: image -> score; images that one of them lacks are left out.

    Returns:
        {"n", "better": images on which a is better, "worse", "difference": mean of a - b, "ci95"}.
    """
    differences = []
    for image in a:
        one, other = a[image], b.get(image)
        if one is not None and other is not None:
            differences.append(one - other)
    signs = np.sign(differences) * (1 if higher_is_better else -1)
    found = {"n": len(differences), "better": int((signs > 0).sum()), "worse": int((signs < 0).sum())}
    if not differences:
        return found | {"difference": None, "ci95": None}
    return found | {"difference": float(np.mean(differences)), "ci95": list(interval(differences))}
