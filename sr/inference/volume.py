"""Volumes: slice by slice along one axis, or along all three."""

from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from sr.errors import UserError
from sr.resize import resize_axis

from .models import Enlarger
from .pixels import Options, Stretch, enlarge, filled


def axes(wanted: str, spacing: tuple[float, float, float], shape: tuple[int, ...]) -> list[int]:
    """Along which axes slices are taken.

    Args:
        wanted: x, y, z, all, or auto: along which the voxels lie farthest apart, as the scanner took them.
        spacing: of the voxels.
        shape: of the volume; a single slice has one axis to go along.
    """
    if wanted == "all":
        return [0, 1, 2]
    if wanted == "auto":
        if 1 in shape[:3]:
            return [shape.index(1)]
        return [2 - int(np.argmax(spacing[::-1]))]  # the last of equals
    return ["xyz".index(wanted)]


def enlarge_volume(
    enlarger: Enlarger, voxels: np.ndarray, along: list[int], bounds: tuple[float, float], options: Options
) -> tuple[np.ndarray, np.ndarray | None]:
    """Enlarge the slices along an axis; along all three, the mean of the three ways, with more slices too.

    Args:
        enlarger: to use.
        voxels: X Y Z T, any type.
        along: axes that slices are taken along.
        bounds: what the network is to see as 0 and 1.
        options: what else is done.

    Returns:
        The volume, of the same type; of one axis, two sides grow, of three axes three. And the map of what was
        invented, uint8, if it was asked for.

    Raises:
        UserError: a box to fit into where three sides grow.
    """
    if len(along) == 3 and options.box:
        raise UserError("--size names a width and a height; along all axes give --scale")
    factor = options.scale or enlarger.scale
    depths = [max(round(size * factor), 1) if len(along) == 3 else size for size in voxels.shape[:3]]
    total = sum(voxels.shape[axis] for axis in along) * voxels.shape[3]
    made, maps = [], []
    with tqdm(total=total, unit="slice", disable=not enlarger.progress, leave=False) as bar:
        for t in range(voxels.shape[3]):
            mean: Any = 0
            worst: Any = 0
            for axis in along:
                slices = []
                for k in range(voxels.shape[axis]):
                    lr = voxels[..., t].take(k, axis).T[..., None]  # the first axis from left to right
                    slices.append(enlarge(enlarger, lr, False, options, bounds))
                    bar.update()
                way = _deep(np.stack([sr[..., 0].T for sr, _ in slices], axis), axis, depths[axis])
                mean = way if len(along) == 1 else mean + way / len(along)
                found = [invented[..., 0].T for _, invented in slices if invented is not None]
                if found:
                    worst = np.maximum(worst, _deep(np.stack(found, axis), axis, depths[axis]))
            made.append(mean.clip(*bounds))
            maps.append(worst)
    volume = np.stack(made, -1)
    volume = (volume.round() if voxels.dtype.kind in "ui" and volume.dtype.kind == "f" else volume).astype(voxels.dtype)
    return volume, np.stack(maps, -1).clip(0, 255).astype(np.uint8) if options.uncertainty else None


def _deep(volume: np.ndarray, axis: int, depth: int) -> np.ndarray:
    """More slices between those that there are."""
    if volume.shape[axis] == depth:
        return volume
    last = torch.from_numpy(np.moveaxis(volume.astype(np.float32), axis, -1).copy())
    missing = last.isnan()
    if missing.any():
        last = filled(last[:, None], missing[:, None])[:, 0]
    made = resize_axis(last, -1, depth)
    made[missing[..., Stretch.whole(depth, last.shape[-1]).nearest()]] = torch.nan
    return np.moveaxis(made.numpy(), -1, axis)
