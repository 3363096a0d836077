"""Volumes: slice by slice along one axis, or along all three."""

import numpy as np
import torch
from tqdm import tqdm

from sr.errors import UserError
from sr.formats.nifti import slice_of
from sr.formats.nodata import filled
from sr.image.range import Range, limits
from sr.image.resize import resize_axis

from .enlarger import Enlarger
from .pixels import Options, enlarge, put_back
from .stretch import Stretch


def axes(wanted: str, coarsest: int) -> list[int]:
    """Along which axes slices are taken.

    Args:
        wanted: x, y, z, all, or auto.
        coarsest: what auto is.
    """
    return {"all": [0, 1, 2], "auto": [coarsest]}.get(wanted) or ["xyz".index(wanted)]


def enlarge_volume(
    enlarger: Enlarger, voxels: np.ndarray, along: list[int], values: Range, options: Options
) -> tuple[np.ndarray, np.ndarray | None]:
    """Enlarge the slices along an axis; along all three, the mean of the three ways, with more slices too.

    Args:
        enlarger: to use.
        voxels: X Y Z T, any type.
        along: axes that slices are taken along.
        values: that the network is to see as 0 and 1; one for all volumes, or one a volume.
        options: what else is done.

    Returns:
        The volume, of the same type, and the map of what was invented, uint8, if it was asked for. Along one axis the
        other two sides grow, along three axes all three.

    Raises:
        UserError: as `size`.
    """
    shape = size(voxels.shape, along, options, enlarger.scale)
    one = len(along) == 1
    made = np.zeros((*shape, voxels.shape[3]), voxels.dtype if one else np.float32)
    maps = np.zeros(made.shape, np.uint8) if options.uncertainty else None
    total = sum(voxels.shape[axis] for axis in along) * voxels.shape[3]
    with tqdm(total=total, unit="slice", disable=not enlarger.progress, leave=False) as bar:
        for t in range(voxels.shape[3]):
            for axis in along:
                grown = [voxels.shape[i] if i == axis else shape[i] for i in range(3)]
                way = made[..., t] if one else np.empty(grown, np.float32)
                invented = None if maps is None else maps[..., t] if one else np.empty(grown, np.uint8)
                for k in range(voxels.shape[axis]):
                    lr = slice_of(voxels[..., t], axis, k)
                    sr, unsure = enlarge(enlarger, lr, False, options, values.of_channels([t]))
                    np.moveaxis(way, axis, 0)[k] = sr[..., 0].T
                    if invented is not None and unsure is not None:
                        np.moveaxis(invented, axis, 0)[k] = unsure[..., 0].T
                    bar.update()
                if not one:
                    made[..., t] += _deep(way, axis, shape[axis]) / 3
                    if maps is not None and invented is not None:
                        deep = _deep(invented, axis, shape[axis]).clip(0, 255).astype(np.uint8)
                        np.maximum(maps[..., t], deep, out=maps[..., t])
    if not one:
        if values.least is not None and values.most is not None:
            least, most = (np.array(ends, np.float32) for ends in (values.least, values.most))
            np.clip(made, least, most, out=made)
        if voxels.dtype.kind in "ui":
            np.clip(np.rint(made, out=made), *limits(voxels.dtype, made.dtype), out=made)
        made = made.astype(voxels.dtype)
        if voxels.dtype.kind == "f":
            with np.errstate(over="ignore"):
                holes = ~np.isfinite(voxels.astype(np.float32))
            put_back(made, voxels, holes, [Stretch.whole(*sides) for sides in zip(shape, voxels.shape, strict=False)])
    return made, maps


def size(shape: tuple[int, ...], along: list[int], options: Options, scale: int) -> list[int]:
    """Size of the result along X, Y and Z, in voxels, for a network of this scale.

    Raises:
        UserError: a width and height to fit into, where all three sides grow.
    """
    if len(along) == 3:
        if options.fit_px:
            raise UserError("--size names a width and a height; along all axes give --scale")
        return [max(round(side * (options.scale or scale)), 1) for side in shape[:3]]
    sides = list(shape[:3])
    across, down = (axis for axis in range(3) if axis != along[0])
    sides[down], sides[across] = options.size(shape[down], shape[across], scale)
    return sides


def _deep(volume: np.ndarray, axis: int, depth: int) -> np.ndarray:
    """Interpolate slices between those of the volume."""
    if volume.shape[axis] == depth:
        return volume
    last = torch.from_numpy(np.moveaxis(volume.astype(np.float32), axis, -1).copy())
    missing = ~last.isfinite()  # put back afterwards
    if missing.any():
        last = filled(last[:, None], missing[:, None])[:, 0]
    return np.moveaxis(resize_axis(last, -1, depth).numpy(), -1, axis)
