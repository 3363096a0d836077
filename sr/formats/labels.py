"""Files whose numbers are labels (classes, tissues, instances): which say so, and which only look so."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
NAMED = re.compile(r"(^|_)dseg(_x[\d.]+|_\d+x\d+)?$", re.IGNORECASE)  # of BIDS, also enlarged
FEW = 64  # distinct numbers: a photograph or a measurement has more
LOOKED_AT = 1 << 18  # pixels of each part


def said_by(name: str) -> str:
    """What of a name without its suffix says that a file holds labels; empty where nothing does."""
    return "its name, _dseg" if NAMED.search(name) else ""


def distinct(parts: Iterable[Array]) -> int:
    """How many numbers occur, if they look like labels; otherwise 0.

    They do where a channel holds two or more whole numbers, few of them, and most pixels equal their neighbour.

    Args:
        parts: H W C of the same channels, NaN where pixels are missing.
    """
    found: dict[int, set[float]] = {}
    equal: dict[int, list[int]] = {}
    for part in parts:
        step = max(part[..., 0].size // LOOKED_AT, 1)
        for c in range(part.shape[-1]):
            pixels = part[::step, :, c]
            numbers = found.setdefault(c, set())
            if len(numbers) > FEW:
                continue
            known = pixels[np.isfinite(pixels)]
            numbers.update(np.unique(known).tolist() if (known == np.round(known)).all() else range(FEW + 1))
            counts = equal.setdefault(c, [0, 0])
            counts[0] += int((pixels[:, 1:] == pixels[:, :-1]).sum())
            counts[1] += pixels[:, 1:].size
        if all(len(numbers) > FEW for numbers in found.values()):
            return 0  # without reading more of it
    likely = [len(found[c]) for c in found if 1 < len(found[c]) <= FEW and 2 * equal[c][0] > equal[c][1]]
    return max(likely, default=0)
