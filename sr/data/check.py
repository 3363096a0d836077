"""What sets hold, and pictures that are there twice: in one set, or in one to train on and one to test on.

Two files show the same picture where their gray thumbnails are alike, however they were shrunk, re-coded or flipped.
"""

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.functional import interpolate

from sr import formats
from sr.errors import UserError
from sr.formats.base import Array

from .layout import misfit
from .notes import some
from .pack import frames_of
from .sets import Found, locate

SIDE = 32  # of a thumbnail
# Correlations of two thumbnails, and of what is left of them without their coarse shape, from which on they show one
# picture. Of 119 images of Set5, Set14 and BSD100, shrunk by 8 or coded as JPEG of quality 30, none came below .91 and
# .88; of 76,517 pairs of different photographs, in all eight symmetries, none came above .94 and .53.
ALIKE, DETAIL = 0.85, 0.75
PARTNERS = 0.8  # the first of them, for HR and LR that two exposures made
FLAT = 1 / 255  # standard deviation below which there is no picture to compare
SHOWN = 10
SYMMETRIES = [(turns, mirrored) for mirrored in (False, True) for turns in range(4)]


class Seen(NamedTuple):
    """What is kept of one file: its size, type, and thumbnail; or why it cannot be read."""

    path: Path
    shape: tuple[int, int, int] = (0, 0, 0)
    dtype: str = ""
    thumbnail: Array | None = None
    fault: str = ""


def report(sets: Sequence[str], tests: Sequence[str], root: str | None, scale: int) -> tuple[list[str], bool]:
    """Lines on these sets, and whether nothing in them needs mending.

    Args:
        sets, tests: as `sr.data.sets.locate` takes them, or HR=LR for two folders.
        root: folder of the benchmark sets.
        scale: between LR and HR.

    Raises:
        UserError: one that is not there, or cannot be understood.
    """
    lines: list[str] = []
    faults: list[str] = []
    seen: dict[str, list[Seen]] = {}
    for which in (*sets, *tests):
        found = _located(which, root, scale)
        images = look(found.hr)
        told, wrong = about(found, images, scale)
        lines += [f"{which}: {told}"]
        faults += [f"{which}: {line}" for line in wrong]
        seen[which] = images
    for which in sets:
        faults += [f"{which}: twice: {pair}" for pair in _listed(twins(seen[which], seen[which]))]
        for other in tests:
            faults += [f"{which} and the test set {other} share: {pair}"
                       for pair in _listed(twins(seen[which], seen[other]))]  # fmt: skip
    return [*lines, *faults, *([] if faults else ["nothing to mend"])], not faults


def _located(which: str, root: str | None, scale: int) -> Found:
    if "=" in which and not Path(which).exists():
        hr, lr = which.split("=", 1)
        return locate({"hr": hr, "lr": lr}, root, scale)
    return locate(which, root, scale)


def about(found: Found, images: Sequence[Seen], scale: int) -> tuple[str, list[str]]:
    """What a set holds, in a line; and what is wrong in it."""
    faults = [image.fault for image in images if image.fault]
    good = [image for image in images if not image.fault]
    sides = [side for image in good for side in image.shape[:2]] or [0]
    kinds = Counter(f"{image.shape[2]} x {image.dtype}" for image in good)
    told = (f"{len(images)} images, sides of {min(sides)} to {max(sides)} px, channels and depth "
            f"{', '.join(f'{kind} ({count})' for kind, count in kinds.most_common())}")  # fmt: skip
    if found.lr is None:
        return f"{told}; LR is made", faults
    partners, wrong = dict(zip(found.hr, look(found.lr), strict=True)), []
    for image in good:
        partner = partners[image.path]
        if partner.fault:
            faults.append(partner.fault)
        elif unlike := misfit(image.shape[:2], partner.shape[:2], scale):
            wrong.append(f"{partner.path}: {unlike}")
        elif partner.thumbnail is not None and image.thumbnail is not None and not _alike(image, partner):
            wrong.append(f"{partner.path}: does not show what {image.path} shows")
    alone = [f"{len(found.alone)} LR images without HR: {some(found.alone)}"] if found.alone else []
    return f"{told}; in pairs", [*faults, *wrong, *alone]


def look(files: Sequence[Path]) -> list[Seen]:
    """Open every file, several beside each other; of animations and volumes the first image counts."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(_seen, files))


def _seen(path: Path) -> Seen:
    try:
        with formats.open(path) as file:
            frame = next(frames_of(file, None))
            pixels = frame.values.to_unit(frame.pixels)
    except UserError as error:
        return Seen(path, fault=str(error))
    gray = torch.from_numpy(np.nan_to_num(pixels).mean(axis=2, dtype=np.float32))[None, None]
    small = interpolate(gray, (SIDE, SIDE), mode="area")[0, 0].numpy()
    return Seen(path, frame.pixels.shape, str(frame.pixels.dtype), small if small.std() > FLAT else None)


def twins(one: Sequence[Seen], other: Sequence[Seen]) -> list[tuple[Path, Path]]:
    """Files of two sets, or of one, that show one picture; turned and mirrored ones are found, too."""
    ours, theirs = ([image for image in images if image.thumbnail is not None] for images in (one, other))
    if not ours or not theirs:
        return []
    found: set[tuple[int, int]] = set()
    mine = features(np.stack([np.asarray(image.thumbnail) for image in ours]))
    for turns, mirrored in SYMMETRIES:
        shown = np.stack([np.rot90(np.asarray(image.thumbnail), turns) for image in theirs])
        coarse, fine = features(shown[..., ::-1] if mirrored else shown)
        for start in range(0, len(ours), 1024):
            rows = slice(start, start + 1024)
            like = (mine[0][rows] @ coarse.T > ALIKE) & (mine[1][rows] @ fine.T > DETAIL)
            found |= {(int(i) + start, int(j)) for i, j in np.argwhere(like)}
    if one is other:
        found = {pair for pair in found if pair[0] < pair[1]}
    return [(ours[i].path, theirs[j].path) for i, j in sorted(found)]


def features(thumbnails: Array) -> tuple[Array, Array]:
    """Thumbnails N 32 32 as two sets of unit vectors, of all of them and of their detail."""
    blocks = thumbnails.reshape(len(thumbnails), SIDE // 4, 4, SIDE // 4, 4).mean(axis=(2, 4))
    detail = thumbnails - np.kron(blocks, np.ones((1, 4, 4), np.float32))

    def unit(values: Array) -> Array:
        flat = values.reshape(len(values), -1)
        flat = flat - flat.mean(axis=1, keepdims=True)
        return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)

    return unit(thumbnails), unit(detail)


def _alike(image: Seen, partner: Seen) -> bool:
    (a, _), (b, _) = (features(np.asarray(one.thumbnail)[None]) for one in (image, partner))
    return float((a @ b.T)[0, 0]) > PARTNERS


def _listed(pairs: list[tuple[Any, Any]]) -> list[str]:
    more = [f"and {len(pairs) - SHOWN} more"] if len(pairs) > SHOWN else []
    return [f"{one} and {other}" for one, other in pairs[:SHOWN]] + more
