"""NIfTI volumes: stored values, their slope and intercept, and where the voxels lie."""

import gzip
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sr.atomic import replacing
from sr.errors import UserError, optional, reason

SUFFIXES = (".nii", ".nii.gz")
LABELS = 1002  # NIFTI_INTENT_LABEL
Array = np.ndarray[Any, np.dtype[Any]]


class UnreadableVolume(UserError):
    """A file that is no volume, or one that cannot be enlarged rightly."""


@dataclass(frozen=True)
class Volume:
    """A volume, or several.

    Args:
        voxels: X Y Z T; stored values, before slope and intercept.
        spacing: of the voxels along X, Y and Z.
        image: nibabel's.
    """

    voxels: Array
    spacing: tuple[float, float, float]
    image: Any


def is_volume(path: Path) -> bool:
    """By the name."""
    return path.name.lower().endswith(SUFFIXES)


def read(path: str | Path) -> Volume:
    """All voxels.

    Raises:
        UnreadableVolume: damaged, or of labels, colours, complex numbers.
        MissingError: nibabel is not installed.
    """
    nibabel = optional("nibabel", f"{path}: NIfTI needs nibabel", "medical")
    try:
        image: Any = nibabel.load(path)
        voxels = np.asanyarray(image.dataobj.get_unscaled())
    except FileNotFoundError as error:
        raise UnreadableVolume(f"{path}: no such file") from error
    except Exception as error:  # gzip's, zlib's, nibabel's
        raise UnreadableVolume(f"{path}: no volume that can be read ({reason(error)})") from error
    if not isinstance(image, nibabel.Nifti1Image):  # CIFTI: of points on a surface
        raise UnreadableVolume(f"{path}: {type(image).__name__} is no volume of voxels")
    if voxels.dtype.kind not in "uif" or voxels.ndim < 2 or 0 in voxels.shape:
        kind = f"{voxels.dtype} of shape {voxels.shape}"
        raise UnreadableVolume(f"{path}: voxels are {kind}; integers or floats X Y Z are needed")
    if int(image.header["intent_code"]) == LABELS:
        raise UnreadableVolume(f"{path}: labels; what lies between two of them is none")
    voxels = voxels.reshape(*(*voxels.shape, 1)[:3], -1)
    voxels = voxels.astype(voxels.dtype.newbyteorder("="), copy=False)
    x, y, z = np.sqrt((np.asarray(image.affine)[:3, :3] ** 2).sum(0))
    return Volume(voxels, (float(x), float(y), float(z)), image)


def write(path: str | Path, volume: Volume, voxels: Array, plain: bool = False) -> None:
    """Voxels X Y Z T of another size in the same place: whole or not at all.

    Args:
        path: to write.
        volume: what was read.
        voxels: of any type.
        plain: they are numbers of their own, to which slope, intercept and kind of the volume do not apply.
    """
    path, old = Path(path), volume.image
    factors = np.array(voxels.shape[:3]) / volume.voxels.shape[:3]
    # The centre of the first voxel moves towards its corner.
    step = np.diag([*1 / factors, 1])
    step[:3, 3] = 0.5 / factors - 0.5
    trailing = old.shape[3:] if len(old.shape) > 3 else ()
    shape = voxels.shape[: min(len(old.shape), 3)] + tuple(trailing)
    header = old.header.copy()
    made = old.__class__(voxels.reshape(shape), None, header)
    made.set_data_dtype(voxels.dtype)
    codes = int(old.header["qform_code"]), int(old.header["sform_code"])
    made.header.set_zooms((*(np.array((*old.header.get_zooms(), 1)[:3]) / factors)[: len(shape[:3])],
                           *old.header.get_zooms()[3:]))  # fmt: skip
    for code, setter, affine in (
        (codes[0], made.set_qform, old.get_qform), (codes[1], made.set_sform, old.get_sform)):  # fmt: skip
        if code:
            setter(affine() @ step, code)
    made.header.set_slope_inter(*(1, 0) if plain else (old.dataobj.slope, old.dataobj.inter))
    if plain:
        made.header["cal_min"] = made.header["cal_max"] = 0  # what a viewer is to show as black and white
        made.header.set_intent("none")
    packed = path.name.lower().endswith(".gz")
    with (
        replacing(path) as temporary,
        open(temporary, "wb") as file,
        gzip.GzipFile("", "wb", 4, file) if packed else nullcontext(file) as stream,
    ):
        made.to_stream(stream)
