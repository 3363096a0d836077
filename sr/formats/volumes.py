"""Volumes of other programs, which become NIfTI: FreeSurfer's MGH, NRRD, MetaImage, and pairs .hdr and .img."""

import bz2
import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sr.errors import UserError

from .base import Array, NoImage, Unreadable, is_named
from .checksums import read_to_end
from .nifti import Nifti

MGH, NRRD, META = (".mgz", ".mgh"), (".nrrd", ".nhdr"), (".mha", ".mhd")
TO_RAS = {"left-posterior-superior": (-1, -1, 1), "lps": (-1, -1, 1), "left-anterior-superior": (-1, 1, 1),
          "las": (-1, 1, 1), "right-anterior-superior": (1, 1, 1), "ras": (1, 1, 1)}  # fmt: skip
KINDS_OF_NRRD = {
    "i1": ("signed char", "int8", "int8_t"), "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"), "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "f4": ("float",), "f8": ("double",),
}  # fmt: skip
KINDS_OF_META = {"CHAR": "i1", "UCHAR": "u1", "SHORT": "i2", "USHORT": "u2", "INT": "i4", "UINT": "u4", "FLOAT": "f4",
                 "DOUBLE": "f8"}  # fmt: skip


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
    kind = next(kind for kind, names in KINDS_OF_NRRD.items() if said["type"].lower() in names)
    sizes = [int(n) for n in said["sizes"].split()]
    data = _data(path, handle, said.get("data file", said.get("datafile", "LOCAL")), int(said.get("byte skip", 0)))
    encoding = said["encoding"].lower()
    unpack: dict[str, Callable[[bytes], bytes]] = {
        "raw": bytes, "gzip": gzip.decompress, "gz": gzip.decompress, "bzip2": bz2.decompress, "bz2": bz2.decompress
    }  # fmt: skip
    if encoding not in unpack or int(said.get("line skip", 0)):
        raise ValueError(f"encoding {encoding}; raw, gzip and bzip2 are read")
    voxels = _array(unpack[encoding](data), kind, said.get("endian", "little") == "big", sizes)
    vectors = [None if word == "none" else [float(x) for x in word.strip("()").split(",")]
               for word in said.get("space directions", "").replace(", ", ",").split()]  # fmt: skip
    if vectors and None in vectors:  # an axis of values, not of space
        voxels = np.moveaxis(voxels, vectors.index(None), -1)
    affine = np.eye(4)
    placed = [vector for vector in vectors if vector is not None]
    if placed:
        affine[:3, :3] = np.array(placed).T
    elif "spacings" in said:
        affine[:3, :3] = np.diag([float(x) for x in said["spacings"].split()][:3])
    if "space origin" in said:
        affine[:3, 3] = [float(x) for x in said["space origin"].strip("()").split(",")]
    return voxels, np.diag([*TO_RAS.get(said.get("space", "").lower(), (1, 1, 1)), 1]) @ affine


def _meta(path: Path, handle: BinaryIO) -> tuple[Array, Array]:
    """https://itk.org/Wiki/ITK/MetaIO/Documentation"""
    said: dict[str, str] = {}
    while "ElementDataFile" not in said:
        key, equals, value = handle.readline().decode("latin-1").partition("=")
        if not equals:
            raise ValueError("no MetaImage")
        said[key.strip()] = value.strip()
    kind = KINDS_OF_META[said["ElementType"].removeprefix("MET_")]
    sizes, channels = [int(n) for n in said["DimSize"].split()], int(said.get("ElementNumberOfChannels", 1))
    data = _data(path, handle, said["ElementDataFile"], max(int(said.get("HeaderSize", 0)), 0))
    if said.get("CompressedData", "False").lower() == "true":
        data = zlib.decompress(data)
    big = said.get("BinaryDataByteOrderMSB", said.get("ElementByteOrderMSB", "False")).lower() == "true"
    voxels = _array(data, kind, big, sizes if channels == 1 else [channels, *sizes])
    voxels = voxels if channels == 1 else np.moveaxis(voxels, 0, -1)
    n = len(sizes)

    def numbers(*names: str, default: list[float]) -> Array:
        return np.array([float(x) for x in next((said[k] for k in names if k in said), "").split()] or default)

    axes = numbers("TransformMatrix", "Rotation", "Orientation", default=list(np.eye(n).ravel())).reshape(n, n)
    steps = numbers("ElementSpacing", "ElementSize", default=[1.0] * n)
    affine, space = np.eye(4), min(n, 3)
    affine[:space, :space] = (axes * steps[:, None]).T[:space, :space]  # a row for each axis of the array
    affine[:space, 3] = numbers("Offset", "Position", "Origin", default=[0.0] * n)[:space]
    return voxels, np.diag([-1, -1, 1, 1]) @ affine


def _data(path: Path, handle: BinaryIO, name: str, skip: int) -> bytes:
    """What follows the header, or lies in another file."""
    if name.upper() == "LOCAL":
        return handle.read()[skip:]
    beside = path.parent / name
    if name.split()[0].upper() == "LIST" or "%" in name or not beside.is_file():
        raise ValueError(f"its voxels are missing: {name}")
    return beside.read_bytes()[skip:]


def _array(data: bytes, kind: str, big: bool, sizes: list[int]) -> Array:
    values = np.frombuffer(data, f"{'>' if big else '<'}{kind}")
    return values[: int(np.prod(sizes))].reshape(sizes, order="F").astype(kind)
