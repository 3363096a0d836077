"""Labels: numbers that name what is there. A mean of two names a third thing, so each new pixel takes one beside it."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import torch

from .auto import Auto
from .enlarger import Enlarger
from .interpolate import nearest
from .stretch import Stretch

Array = np.ndarray[Any, np.dtype[Any]]
KEPT = ("nearest", "majority")
CHOICES = ("auto", *KEPT, "no")
AT_ONCE = 1 << 22  # votes: more take more memory, and are no faster
TIE = 1e-9  # by which the nearest label is ahead of others that are as near


def repeating(name: str, like: Enlarger | Auto) -> Enlarger:
    """What stands in for a network of the same scale where labels are enlarged: they never go through it."""
    return Enlarger(name, like.scale, None, lambda lr: nearest(lr, like.scale), torch.device("cpu"),
                    progress=like.progress)  # fmt: skip


def enlarged(pixels: Array, along: Sequence[Stretch], how: str, together: bool = False) -> Array:
    """Enlarge labels; every value of the result is one of the input, within a pixel of where it was.

    Args:
        pixels: ... C, of any type; NaN is a label, too.
        along: the axes before C, each whole or a part.
        how: nearest: each pixel is repeated. majority: the label with the most weight among the pixels around, which
            count as they do in (bi-, tri-)linear interpolation: what enlarging each label's mask, and then taking the
            label whose mask is largest, gives. It rounds corners from three times the size on; at twice the size it is
            the nearest, which also wins where others have equal weight.
        together: the channels of a pixel name one thing, such as a colour; otherwise each is a map of its own.

    Returns:
        ... C of the same type.
    """
    if how == "nearest":
        for i, stretch in enumerate(along):
            pixels = pixels.take(stretch.nearest().numpy(), i - len(along) - 1)
        return pixels
    size = tuple(stretch.last - stretch.first for stretch in along)
    n = pixels.ndim - len(along) - 1
    before, channels = pixels.shape[:n], pixels.shape[-1]
    planes = pixels.reshape(-1, *pixels.shape[n:])
    made = np.empty((len(planes), *size, channels), pixels.dtype)
    taps = [_taps(stretch) for stretch in along]
    for plane, result in zip(planes, made, strict=True):
        if together and channels > 1:
            colours, names = np.unique(plane.reshape(-1, channels), axis=0, return_inverse=True)
            result[:] = colours[_majority(names.reshape(plane.shape[:-1]), along, taps)]
            continue
        for c in range(channels):
            result[..., c] = _majority(plane[..., c], along, taps)
    return made.reshape(*before, *size, channels)


def _majority(labels: Array, along: Sequence[Stretch], taps: list[tuple[Array, Array]]) -> Array:
    """Of one map without channels."""
    # Their bits are compared: NaN is unlike itself, and 0 is like -0.
    bits = (labels + 0 if labels.dtype.kind == "f" else labels).view(f"u{labels.dtype.itemsize}")
    at = [stretch.nearest().numpy() for stretch in along]
    made = bits[np.ix_(*at)]
    ways = list(product(*(range(index.shape[1]) for index, _ in taps)))
    rows = max(AT_ONCE // (len(ways) * max(int(np.prod(made.shape[1:])), 1)), 1)
    for first in range(0, len(made), rows):
        part = made[first : first + rows]
        near = [(index[first : first + rows], weight[first : first + rows]) for index, weight in taps[:1]] + taps[1:]
        edge = np.zeros(part.shape, bool)
        for way in ways:
            edge |= bits[np.ix_(*(index[:, k] for (index, _), k in zip(near, way, strict=True)))] != part
        where = edge.nonzero()
        found, weights = [part[where]], [np.full(len(where[0]), TIE)]
        for way in ways:
            place, weight = [], np.ones(len(where[0]))
            for (index, share), k, w in zip(near, way, where, strict=True):
                place.append(index[w, k])
                weight *= share[w, k]
            found.append(bits[tuple(place)])
            weights.append(weight)
        if len(where[0]):
            part[where] = _winner(np.stack(found), np.stack(weights))
    return made.view(labels.dtype)


def _winner(found: Array, weights: Array) -> Array:
    """Of each column, the label whose weights have the largest sum."""
    order = found.argsort(0, kind="stable")
    found, total = np.take_along_axis(found, order, 0), np.take_along_axis(weights, order, 0).cumsum(0)
    last = np.ones(found.shape, bool)  # of the rows with this label
    last[:-1] = found[1:] != found[:-1]
    until = np.maximum.accumulate(np.where(last, total, 0), 0)
    total[1:] -= until[:-1]
    return np.take_along_axis(found, np.where(last, total, -1).argmax(0)[None], 0)[0]


def _taps(stretch: Stretch) -> tuple[Array, Array]:
    """The pixels of the input part around each new one, and their weights of linear interpolation; n x taps each."""
    ratio = stretch.lr_size / stretch.size
    wide = max(ratio, 1.0)  # shrinking looks at all pixels that one covers
    centre = (np.arange(stretch.first, stretch.last) + 0.5) * ratio - 0.5
    index = np.floor(centre - wide).astype(int)[:, None] + np.arange(1, int(np.ceil(2 * wide)) + 1)
    weights = np.maximum(1 - np.abs(index - centre[:, None]) / wide, 0)
    used = weights.max(0) > 0
    index = index.clip(0, stretch.lr_size - 1) - stretch.lr_first
    return index[:, used], weights[:, used] / weights.sum(1, keepdims=True)
