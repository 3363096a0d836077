"""NIfTI volumes: stored values, slope and intercept, the affine."""

import gzip
import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sr.atomic import replacing
from sr.errors import UserError, optional, reason
from sr.image.range import Range

from .base import LOOKED_AT, Array, File, NoImage, Unreadable
from .checksums import read_to_end

LABELS = (1002, 1003)  # NIFTI_INTENT_LABEL, NIFTI_INTENT_NEURONAME
MASK = re.compile(r"_mask$", re.IGNORECASE)  # of BIDS: ones inside, zeros outside
IN_SEQUENCE = (0, 1, 2)  # NIFTI_SLICE_UNKNOWN, SEQ_INC, SEQ_DEC; the others take every other slice first
# Extensions that say again how large voxels are and where they lie (nifti1_io.h): of DICOM, AFNI, Jim
OUTDATED = {2: "DICOM", 4: "AFNI", 8: "Jim"}


class Nifti(File):
    """A volume, or several: voxels X Y Z T, stored values: before slope and intercept.

    Its slices are taken along the axis with the largest spacing, as the scanner took them. `range` has T channels, a
    range for each volume: the dark volumes of a diffusion series would lose their contrast under a common one.
    """

    kind = "volume"
    several = True
    suffixes = frozenset({".nii", ".nii.gz"})
    layout = "volume"

    def __init__(self, path: Path, handle: BinaryIO) -> None:
        super().__init__(path, handle)
        nibabel = optional("nibabel", f"{path}: NIfTI needs nibabel", "medical")
        try:
            nibabel.imageglobals.logger.handlers.clear()  # what it has to say goes where other logs go
            self.image, voxels = self.load(nibabel, path, handle)
        except UserError:
            raise
        except Exception as error:  # gzip, zlib and nibabel each raise their own
            raise Unreadable(f"{path}: no volume that can be read ({reason(error)})") from error
        if not isinstance(self.image, nibabel.Nifti1Image):  # CIFTI, for instance: values of points on a surface
            raise NoImage(f"{path}: no image, but {type(self.image).__name__}")
        if voxels.dtype.kind not in "uif" or voxels.ndim < 2 or 0 in voxels.shape:
            kind = f"{voxels.dtype} of shape {voxels.shape}"
            raise Unreadable(f"{path}: voxels are {kind}; integers or floats X Y Z are needed")
        code = int(self.image.header["intent_code"])
        if code in LABELS:
            self.labels = f"intent code {code}"
        else:  # by name, unless they are shares of a voxel or probabilities
            named = self.labels or ("its name, _mask" if MASK.search(self.split(path)[0]) else "")
            self.labels = named if named and (voxels.dtype.kind != "f" or (voxels == voxels.round()).all()) else ""
        voxels = voxels.reshape(*(*voxels.shape, 1)[:3], -1)
        self.voxels = voxels.astype(voxels.dtype.newbyteorder("="), copy=False)
        self.dtype = self.voxels.dtype
        self.missing = self.dtype.kind == "f"
        x, y, z = np.sqrt((np.asarray(self.image.affine)[:3, :3] ** 2).sum(0))
        self.spacing = (float(x), float(y), float(z))
        self.slope, self.intercept = (_scaling(self.image)[0],), (_scaling(self.image)[1],)
        across, down = (axis for axis in range(3) if axis != self.axis)
        sizes = self.voxels.shape
        self.shape = (sizes[self.axis] * sizes[3], sizes[down], sizes[across], 1)

    def load(self, nibabel: Any, path: Path, handle: BinaryIO) -> tuple[Any, Array]:
        """An image of nibabel, and its voxels in stored values."""
        stream: Any = gzip.GzipFile(fileobj=handle) if path.name.lower().endswith(".gz") else handle
        kinds = (nibabel.Cifti2Image, nibabel.Nifti2Image, nibabel.Nifti1Image)
        head = stream.read(1024)
        kind = next((k for k in kinds if k.path_maybe_image(str(path), (head, str(path)))[0]), kinds[-1])
        stream.seek(0)
        holder = nibabel.FileHolder(fileobj=stream)
        image = kind.from_file_map({"image": holder, "header": holder})
        voxels = np.asanyarray(image.dataobj.get_unscaled())
        if stream is not handle:
            read_to_end(stream)
        return image, voxels

    @property
    def axis(self) -> int:
        """0, 1 or 2: along which slices are taken by default."""
        assert self.spacing is not None
        return coarsest_axis(self.spacing, self.voxels.shape)

    def frames(self) -> Iterator[Array]:
        for t in range(self.voxels.shape[3]):
            for k in range(self.voxels.shape[self.axis]):
                yield slice_of(self.voxels[..., t], self.axis, k)

    def some(self) -> Iterator[Array]:
        depth = self.voxels.shape[self.axis]
        for k in range(0, depth, -(-depth // LOOKED_AT)):
            yield slice_of(self.voxels[..., 0], self.axis, k)

    def range_of(self, frame: int) -> Range:
        return self.range.of_channels([frame // self.voxels.shape[self.axis]])

    def find_range(self) -> Range:
        """The header's cal_min..cal_max where it is narrower than the values that occur; otherwise measured."""
        low, high = (float(self.image.header[key]) for key in ("cal_min", "cal_max"))
        slabs = (self.voxels[:, :, k] for k in range(self.voxels.shape[2]))  # X Y T
        found = self.measure(slabs, int(np.prod(self.voxels.shape[:3])))
        units = self.in_units(found)
        assert units.least is not None
        assert units.most is not None
        if low < high and (low > min(units.least) or high < max(units.most)):
            n = len(found.low)
            return replace(self.stored(Range((low,) * n, (high,) * n, "header")), least=found.least, most=found.most)
        return found

    def save(self, target: Path, made: list[Array], how: str, plain: bool) -> None:
        write(target, self, made[0], plain)


def _scaling(image: Any) -> tuple[float, float]:
    """Slope and intercept; nibabel says them of what it has read itself, and elsewhere leaves unset ones out."""
    if hasattr(image.dataobj, "slope"):
        return image.dataobj.slope, image.dataobj.inter
    slope, intercept = image.header.get_slope_inter()
    return slope or 1.0, intercept or 0.0


def coarsest_axis(spacing: tuple[float, ...], shape: tuple[int, ...]) -> int:
    """The axis with the largest spacing, the last of equal ones; for a single slice, the axis perpendicular to it."""
    return shape.index(1) if 1 in shape[:3] else 2 - int(np.argmax(spacing[::-1]))


def slice_of(volume: Array, axis: int, k: int) -> Array:
    """Slice `k` of X Y Z along an axis, as H W 1: of the other two axes the first is W, the second H."""
    return volume.take(k, axis).T[..., None]


def write(path: Path, file: Nifti, voxels: Array, plain: bool = False) -> None:
    """Write voxels of another size over the same extent: whole or not at all.

    Args:
        path: to write.
        file: what was read.
        voxels: X Y Z T, of any type.
        plain: a map with values of its own, to which slope, intercept and intent of the volume do not apply.
    """
    old = file.image
    factors = np.array(voxels.shape[:3]) / file.voxels.shape[:3]
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
    made.header.set_slope_inter(*(1, 0) if plain else (file.slope[0], file.intercept[0]))
    notes = _scale_slices(made.header, [*factors[: len(shape)], 1, 1][:3], made.shape) + _leave_out(made.header)
    if plain:
        made.header["cal_min"] = made.header["cal_max"] = 0  # unset: which values a viewer shows as black and white
        made.header.set_intent("none")
    else:
        file.notes += notes
    packed = path.name.lower().endswith(".gz")
    with (
        replacing(path) as temporary,
        open(temporary, "wb") as raw,
        gzip.GzipFile("", "wb", 4, raw, mtime=0) if packed else nullcontext(raw) as stream,
    ):
        made.to_stream(stream)


def _scale_slices(header: Any, factors: list[float], shape: tuple[int, ...]) -> list[str]:
    """When slices were taken: first and last of them, order, seconds for each; returns a note where that is lost."""
    axis = header.get_dim_info()[2]
    axis = 2 if axis is None else axis
    factor = factors[axis]
    if factor == 1:
        return []
    first, last = (int(header[key]) for key in ("slice_start", "slice_end"))
    if last > 0:
        header["slice_start"] = round(first * factor)
        header["slice_end"] = min(round((last + 1) * factor), shape[axis]) - 1
    if int(header["slice_code"]) in IN_SEQUENCE:
        header["slice_duration"] = float(header["slice_duration"]) / factor
        return []
    header["slice_code"], header["slice_duration"] = 0, 0
    return ["when slices were taken is left out: they were not taken in sequence, and new ones lie between them"]


def _leave_out(header: Any) -> list[str]:
    """Extensions that say where the old voxels lie, and that some programs believe before the header."""
    left = [OUTDATED[e.get_code()] for e in header.extensions if e.get_code() in OUTDATED]
    header.extensions = type(header.extensions)(e for e in header.extensions if e.get_code() not in OUTDATED)
    return [f"extension of {name} left out: it says where the old voxels lie" for name in left]
