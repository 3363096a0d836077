"""Volumes of other programs, which become NIfTI: FreeSurfer's MGH, NRRD, MetaImage, and pairs .hdr and .img."""

import gzip
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sr.errors import UserError

from .base import Array, NoImage, Unreadable, is_named
from .checksums import read_to_end
from .nifti import Nifti
from .raw import data_of, voxels_in

MGH, NRRD, META = (".mgz", ".mgh"), (".nrrd", ".nhdr"), (".mha", ".mhd")
TO_RAS = {"left-posterior-superior": (-1, -1, 1), "lps": (-1, -1, 1), "left-anterior-superior": (-1, 1, 1),
          "las": (-1, 1, 1), "right-anterior-superior": (1, 1, 1), "ras": (1, 1, 1)}  # fmt: skip
KINDS_OF_NRRD = {
    "i1": ("signed char", "int8", "int8_t"), "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"), "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",), "f8": ("double",),
}  # fmt: skip
ENCODINGS = ("raw", "gzip", "gz", "bzip2", "bz2")  # of NRRD
KINDS_OF_META = {"CHAR": "i1", "UCHAR": "u1", "SHORT": "i2", "USHORT": "u2", "INT": "i4", "UINT": "u4", "LONG": "i4",
                 "ULONG": "u4", "LONG_LONG": "i8", "ULONG_LONG": "u8", "FLOAT": "f4", "DOUBLE": "f8"}  # fmt: skip


class Volume(Nifti):
    """A volume as other programs write it: its voxels, and where they lie."""

    suffixes = frozenset({*MGH, *NRRD, *META, ".hdr"})

    @classmethod
    def split(cls, path: Path) -> tuple[str, str]:
        return path.name[: len(path.name) - len(path.suffix)], ".nii.gz"

    def refuse(self, target: Path) -> None:
        if not is_named(target, Nifti.suffixes):
            raise UserError(f"{self.path}: a volume becomes NIfTI; name a .nii.gz instead of {target.name}")

    def load(self, nibabel: Any, path: Path, handle: BinaryIO) -> tuple[Any, Array]:
        if is_named(path, (".hdr",)):
            return _pair(nibabel, path, handle)
        if is_named(path, MGH):
            stream: Any = gzip.GzipFile(fileobj=handle) if is_named(path, (".mgz",)) else handle
            image = nibabel.MGHImage.from_file_map({"image": nibabel.FileHolder(fileobj=stream)})
            voxels, affine = np.asanyarray(image.dataobj), image.affine
            if stream is not handle:
                read_to_end(stream)
        else:
            voxels, affine = (_nrrd if is_named(path, NRRD) else _meta)(path, handle)
        made = nibabel.Nifti1Image(voxels, affine, dtype=voxels.dtype)
        made.set_qform(affine, 1, strip_shears=True)
        made.set_sform(affine, 1)
        made.header.set_xyzt_units("mm")
        self.notes.append(f"{path.suffix} becomes NIfTI: voxels and where they lie are kept, and nothing else")
        return made, voxels


def _pair(nibabel: Any, path: Path, handle: BinaryIO) -> tuple[Any, Array]:
    """A NIfTI header whose voxels lie in the file beside it."""
    head = handle.read(540)
    handle.seek(0)
    sizes = {int.from_bytes(head[:4], order) for order in ("little", "big")}  # type: ignore[arg-type]
    kind = nibabel.Nifti2Pair if 540 in sizes else nibabel.Nifti1Pair
    if not sizes & {348, 540}:
        raise NoImage(f"{path}: no image that is read here, but a header of another kind than NIfTI's")
    if 540 not in sizes and head[344:347] not in (b"ni1", b"n+1"):
        raise Unreadable(f"{path}: Analyze 7.5, which does not say which side is left; convert it to NIfTI")
    names = [path.with_suffix(suffix) for suffix in (".img", ".IMG", ".img.gz")]
    voxels_in = next((name for name in names if name.is_file()), None)
    if voxels_in is None:
        raise Unreadable(f"{path}: its voxels are missing: {names[0].name} beside it")
    with gzip.open(voxels_in) if voxels_in.suffix == ".gz" else open(voxels_in, "rb") as stream:
        holders = {"header": nibabel.FileHolder(fileobj=handle), "image": nibabel.FileHolder(fileobj=stream)}
        image = kind.from_file_map(holders)
        voxels = np.array(image.dataobj.get_unscaled())
        read_to_end(stream)
    single = (nibabel.Nifti2Image if 540 in sizes else nibabel.Nifti1Image)(voxels, None, image.header.copy())
    single.header["intent_code"] = image.header["intent_code"]
    for setter, getter in ((single.set_qform, image.get_qform), (single.set_sform, image.get_sform)):
        affine, code = getter(coded=True)
        setter(affine, int(code))
    single.header.set_slope_inter(image.dataobj.slope, image.dataobj.inter)
    return single, voxels


def _nrrd(path: Path, handle: BinaryIO) -> tuple[Array, Array]:
    """http://teem.sourceforge.net/nrrd/format.html"""
    if not handle.readline().startswith(b"NRRD"):
        raise ValueError("does not begin with NRRD")
    said: dict[str, str] = {}
    while line := handle.readline().decode("latin-1").strip():
        key, colon, value = line.partition(":")
        if colon and not line.startswith("#") and not value.startswith("="):
            said[key.strip().lower()] = value.strip()
    named, sizes, encoding = _needed(said, "type", "sizes", "encoding")
    kind = next((kind for kind, names in KINDS_OF_NRRD.items() if named.lower() in names), None)
    if kind is None:
        raise ValueError(f"voxels of the type {named}")
    if encoding.lower() not in ENCODINGS or int(said.get("line skip", 0)):
        raise ValueError(f"encoding {encoding}; {', '.join(ENCODINGS)} are read")
    data = data_of(path, handle, said.get("data file", said.get("datafile", "LOCAL")))
    voxels = voxels_in(data, encoding.lower(), int(said.get("byte skip", 0)), kind, said.get("endian") == "big",
                       [int(n) for n in sizes.split()])  # fmt: skip
    steps = [float(x) for x in said.get("spacings", "").split()]
    axes = [None if np.isnan(step) else step * np.eye(len(steps))[k] for k, step in enumerate(steps)]
    if "space directions" in said:
        words = said["space directions"].replace(", ", ",").split()
        axes = [None if "n" in word.lower() else np.array(word.strip("()").split(","), float) for word in words]
    of_values = [k for k, axis in enumerate(axes) if axis is None]  # "none", or NaN: no axis of space
    if len(of_values) > 1:
        raise ValueError(f"{len(of_values)} axes of values; one is read")
    if of_values:
        voxels = _with_values_last(voxels, of_values[0])
        if "space directions" not in said:
            axes = [np.delete(axis, of_values) for axis in axes if axis is not None]
    affine = np.eye(4)
    for k, axis in enumerate([axis for axis in axes if axis is not None][:3]):
        affine[: min(len(axis), 3), k] = axis[:3]
    if "space origin" in said:
        origin = [float(x) for x in said["space origin"].strip("()").split(",")]
        affine[: len(origin), 3] = origin
    return voxels, np.diag([*TO_RAS.get(said.get("space", "").lower(), (1, 1, 1)), 1]) @ affine


def _meta(path: Path, handle: BinaryIO) -> tuple[Array, Array]:
    """https://itk.org/Wiki/ITK/MetaIO/Documentation"""
    said: dict[str, str] = {}
    while "ElementDataFile" not in said:
        key, equals, value = handle.readline().decode("latin-1").partition("=")
        if not equals:
            raise ValueError("no MetaImage")
        said[key.strip()] = value.strip()
    named, dimensions = _needed(said, "ElementType", "DimSize")
    kind = KINDS_OF_META.get(named.removeprefix("MET_"))
    if kind is None:
        raise ValueError(f"voxels of the type {named}")
    if said.get("BinaryData", "True").lower() == "false":
        raise ValueError("voxels as text; binary ones are read")
    sizes, channels = [int(n) for n in dimensions.split()], int(said.get("ElementNumberOfChannels", 1))
    data, skip = data_of(path, handle, said["ElementDataFile"]), int(said.get("HeaderSize", 0))
    big = said.get("BinaryDataByteOrderMSB", said.get("ElementByteOrderMSB", "False")).lower() == "true"
    how = "zlib" if said.get("CompressedData", "False").lower() == "true" else "raw"
    if how == "zlib" and skip > 0:
        data, skip = data[skip:], 0
    voxels = voxels_in(data, how, skip, kind, big, sizes if channels == 1 else [channels, *sizes])
    voxels = voxels if channels == 1 else _with_values_last(voxels, 0)
    n = len(sizes)

    def numbers(*names: str, default: list[float]) -> Array:
        return np.array([float(x) for x in next((said[k] for k in names if k in said), "").split()] or default)

    axes = numbers("TransformMatrix", "Rotation", "Orientation", default=list(np.eye(n).ravel())).reshape(n, n)
    steps = numbers("ElementSpacing", "ElementSize", default=[1.0] * n)
    affine, space = np.eye(4), min(n, 3)
    affine[:space, :space] = (axes * steps[:, None]).T[:space, :space]  # a row for each axis of the array
    affine[:space, 3] = numbers("Offset", "Position", "Origin", default=[0.0] * n)[:space]
    return voxels, np.diag([-1, -1, 1, 1]) @ affine


def _needed(said: dict[str, str], *keys: str) -> list[str]:
    if missing := [key for key in keys if key not in said]:
        raise ValueError(f"its header lacks {', '.join(missing)}")
    return [said[key] for key in keys]


def _with_values_last(voxels: Array, axis: int) -> Array:
    """An axis of values, such as colours, behind those of space, of which there are three then."""
    moved = np.moveaxis(voxels, axis, -1)
    return moved[:, :, None] if moved.ndim == 3 else moved
