"""DICOM: one frame or many, stored values as they are; what lies where in the patient is kept."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import numpy as np

from sr.atomic import replacing
from sr.errors import UserError, optional, reason
from sr.image.range import Measurement, Range

from ..base import Array, File, Unreadable, has_no_suffix, is_named
from ..nodata import masked, stored

# DICOM PS3.3: distances between the centres of pixels, down and across, in millimetres
SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
# Pixels that a viewer covers, by Shutter or Collimator: D counts down from 1, A across, in turns
EDGES = {
    "{}LeftVerticalEdge": "A", "{}RightVerticalEdge": "A", "{}UpperHorizontalEdge": "D", "{}LowerHorizontalEdge": "D",
    "CenterOfCircular{}": "DA", "VerticesOfThePolygonal{}": "DA",
}  # fmt: skip


class Dicom(File):
    """Frames of a DICOM file: T H W C, stored values, before slope and intercept.

    The range is that of the series: the slices beside this one that belong to it are looked at too, so that
    neighbouring slices are seen alike. DICOM names windows to show values in, but no range that all values lie in
    and no outlier widens; hence it is measured.
    """

    kind = "dicom"
    several = True
    suffixes = frozenset({".dcm", ".dicom", ".ima"})

    @classmethod
    def claims(cls, path: Path, handle: BinaryIO) -> bool:
        return is_named(path, cls.suffixes) or (has_no_suffix(path) and handle.read(132)[128:] == b"DICM")

    @classmethod
    def split(cls, path: Path) -> tuple[str, str]:
        return super().split(path) if is_named(path, cls.suffixes) else (path.name, ".dcm")

    def __init__(self, path: Path, handle: BinaryIO) -> None:
        super().__init__(path, handle)
        pydicom = optional("pydicom", f"{path}: DICOM needs pydicom", "medical")
        try:
            self.dataset = pydicom.dcmread(handle)
        except Exception as error:  # whatever a damaged header makes of it
            raise Unreadable(f"{path}: not DICOM ({reason(error)})") from error
        try:
            why = _objection(self.dataset)
            if why:
                raise Unreadable(f"{path}: {why}")
            size = self.dataset.Rows, self.dataset.Columns
            self.shape = (int(self.dataset.get("NumberOfFrames") or 1), *size, int(self.dataset.SamplesPerPixel))
            self.slope, self.intercept = _rescale(self.dataset)
            self.spacing = next((tuple(map(float, element.value)) for element in _spacings(self.dataset)), None)
        except UserError:
            raise
        except Exception as error:
            raise Unreadable(f"{path}: a damaged header ({reason(error)})") from error
        self.colours = (0, 1, 2) if self.shape[3] == 3 else None
        self.group = str(self.dataset.get("SeriesInstanceUID") or path)

    @cached_property
    def pixels(self) -> Array:
        """T H W C as they are stored; decompressed, YBR as RGB."""
        try:
            from pydicom.pixels import pixel_array

            pixels = pixel_array(self.dataset).reshape(*self.shape[:3], -1)
            return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
        except Exception as error:
            raise Unreadable(f"{self.path}: its pixels cannot be decoded ({reason(error)})") from error

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        return self.pixels.dtype

    @cached_property
    def padded(self) -> Array | None:
        """Where there is no pixel, T H W C; None where all are."""
        padding = _padding(self.dataset, self.dtype)
        if padding is None:
            return None
        limit = _padding(self.dataset, self.dtype, "PixelPaddingRangeLimit")
        low, high = sorted((padding, padding if limit is None else limit))
        padded = (self.pixels >= low) & (self.pixels <= high)
        return padded if padded.any() else None

    @property
    def missing(self) -> bool:  # type: ignore[override]
        return self.padded is not None

    def frames(self) -> Iterator[Array]:
        for i, pixels in enumerate(self.pixels):
            yield pixels if self.padded is None else masked(pixels, self.padded[i])

    def use_range(self, range: Range) -> None:
        """What readers do not look for behind the bits that are in use never comes into them."""
        super().use_range(range)
        assert self._range is not None
        bits, signed = int(self.dataset.get("BitsStored") or 16), bool(self.dataset.get("PixelRepresentation"))
        low, high = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if signed else (0.0, 2.0**bits - 1)
        self._range = replace(self._range, least=(low,), most=(high,))

    def find_range(self) -> Range:
        if self.colours and self.dtype.kind == "u":
            return Range.of_type(self.dtype)
        return self.stored(_range_of_series(self))

    def save(self, target: Path, made: list[Array], how: str, plain: bool) -> None:
        write(target, self, np.stack(made), how)


_series: dict[tuple[Path, str, int], tuple[dict[str, tuple[int, int]], Range]] = {}
_folders: dict[Path, tuple[int, dict[str, tuple[tuple[int, int], str]]]] = {}
_measuring = Lock()


def _range_of_series(file: Dicom) -> Range:
    """In the unit of the file, over all slices of its series in its folder; these are looked at once a process."""
    folder, uid = file.path.absolute().parent, str(file.dataset.get("SeriesInstanceUID") or "")
    key = folder, uid, file.shape[3]
    with _measuring:
        seen, found = _series.get(key, ({}, None))
        if found is not None and seen.get(file.path.name) == _stamp(file.path):
            return found
        series = _series_of(folder) if uid else {}
        others = [name for name, of in series.items() if of == uid and name != file.path.name]
        measurement, seen, count = Measurement((len(others) + 1) * int(np.prod(file.shape[:3]))), {}, 0
        for path in (file.path, *(folder / name for name in others)):
            try:
                with nullcontext(file) if path == file.path else Dicom.at(path) as one:
                    if one.shape[3] == file.shape[3]:
                        for pixels in one.frames():
                            measurement.add(pixels * np.array(one.slope) + np.array(one.intercept))
                            count += 1
                        seen[path.name] = _stamp(path)
            except (UserError, OSError):  # it is told when its turn comes
                continue
        found = measurement.range(f"measured over {count} slices of its series" if count > 1 else "measured")
        _series[key] = seen, found
        return found


def _series_of(folder: Path) -> dict[str, str]:
    """Name -> SeriesInstanceUID of the DICOM files in a folder; a header is read once a process."""
    import pydicom

    changed, known = folder.stat().st_mtime_ns, _folders.get(folder, (0, {}))
    if known[0] != changed:
        found = {}
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            path = folder / entry.name
            if not entry.is_file() or not is_dicom(path):
                continue
            stamp = _stamp(path)
            if known[1].get(entry.name, (None, ""))[0] == stamp:
                found[entry.name] = known[1][entry.name]
                continue
            try:
                header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SeriesInstanceUID"])
            except Exception:  # whatever a damaged header makes of it
                continue
            found[entry.name] = stamp, str(header.get("SeriesInstanceUID") or "")
        known = _folders[folder] = changed, found
    return {name: uid for name, (_, uid) in known[1].items()}


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def _rescale(dataset: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Slope and intercept; of multi-frame files those that all frames share."""
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [{}])[0]
    place = dataset if "RescaleSlope" in dataset else (shared.get("PixelValueTransformationSequence") or [{}])[0]
    slope, intercept = (place.get(keyword) for keyword in ("RescaleSlope", "RescaleIntercept"))
    return (float(slope or 1),), (float(intercept or 0),)


def is_dicom(path: Path) -> bool:
    """By the suffix, and without any by the four letters that DICOM files begin with."""
    if is_named(path, Dicom.suffixes) or not has_no_suffix(path):
        return is_named(path, Dicom.suffixes)
    try:
        with open(path, "rb") as file:
            return Dicom.claims(path, file)
    except OSError:
        return False


def write(path: Path, file: Dicom, pixels: Array, how: str) -> None:
    """Frames enlarged, as a derived image of a series of its own; uncompressed; whole or not at all.

    Args:
        path: to write.
        file: what was read; it is left as it is.
        pixels: T H W C as `file.frames` has it.
        how: for DerivationDescription.
    """
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian

    dataset = deepcopy(file.dataset)
    down, across = (new / old for new, old in zip(pixels.shape[1:3], file.shape[1:3], strict=True))
    made = stored(pixels, file.dtype, _padding(dataset, file.dtype))
    _scale_places(dataset, down, across)
    _scale_edges(dataset, down, across)
    dataset.Rows, dataset.Columns = made.shape[1:3]
    if made.shape[3] == 3:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    for keyword, value in (("SmallestImagePixelValue", made.min()), ("LargestImagePixelValue", made.max())):
        if keyword in dataset:
            dataset[keyword].value = int(value)
    data = np.ascontiguousarray(made).astype(made.dtype.newbyteorder("<")).tobytes()
    _derive(dataset, how, sha256(data).hexdigest())
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB" if made.dtype.itemsize == 1 else "OW"
    dataset["PixelData"].is_undefined_length = False
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            del dataset[keyword]
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    if not dataset.original_encoding[1]:  # big endian: numbers are turned by pydicom, bytes are not
        for element in dataset.iterall():
            if element.VR == "OW" and element.keyword != "PixelData":
                element.value = np.frombuffer(element.value, ">u2").astype("<u2").tobytes()
    with replacing(path) as temporary:
        try:
            pydicom.dcmwrite(temporary, dataset, enforce_file_format=True)
        except Exception as error:  # an element that no reader had to understand so far, or above 4 GB
            raise Unreadable(f"{file.path}: cannot be written again ({reason(error)})") from error


def _objection(dataset: Any) -> str | None:
    """What would come out wrong."""
    colours = str(dataset.get("PhotometricInterpretation", ""))
    if "PixelData" not in dataset:
        return "holds no pixels"
    if colours == "PALETTE COLOR":
        return "colours by a table; what lies between two entries is none"
    if colours not in ("MONOCHROME1", "MONOCHROME2", *COLOURS):
        return f"colours of the kind {colours or 'unknown'}; gray, RGB and YBR are enlarged"
    if dataset.get("BitsAllocated") == 1 or dataset.get("Modality") == "SEG":
        return "a segmentation; what lies between two labels is none"
    if "TotalPixelMatrixColumns" in dataset:
        return "a slide in tiles; its frames are parts of one picture"
    if not (any(True for _ in _spacings(dataset)) or _regions(dataset)):
        return "does not say how far apart its pixels lie (PixelSpacing); enlarged, it could not be measured in"
    return None


def _padding(dataset: Any, dtype: np.dtype[Any], keyword: str = "PixelPaddingValue") -> int | None:
    """The stored value of what is no pixel, of gray images alone; many write a negative one as if it had no sign."""
    value = dataset.get(keyword)
    if value is None or dataset.get("SamplesPerPixel", 1) != 1:
        return None
    return int(np.array(int(value)).astype(dtype))


def _groups(dataset: Any) -> list[Any]:
    """What multi-frame files say of all frames, and of each."""
    names = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
    return [group for name in names for group in dataset.get(name) or []]


def _spacings(dataset: Any) -> Iterator[Any]:
    """Of the pixels; what nested datasets say of other images is theirs."""
    measures = [inner for group in _groups(dataset) for inner in group.get("PixelMeasuresSequence") or []]
    for place in (dataset, *measures):
        yield from (place[name] for name in SPACINGS if name in place and place[name].VM == 2)


def _scale_places(dataset: Any, down: float, across: float) -> None:
    """Distances between pixels, and the centre of the first of them, which moves towards its corner."""
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [dataset])[0]
    for place in [dataset, *_groups(dataset)]:
        position = _inner(place, "PlanePositionSequence", "ImagePositionPatient")
        if position is None:
            continue
        orientation, spacing = (
            next(filter(None, (_inner(at, sequence, keyword) for at in (place, shared, dataset))), None)
            for sequence, keyword in (
                ("PlaneOrientationSequence", "ImageOrientationPatient"), ("PixelMeasuresSequence", "PixelSpacing"))
        )  # fmt: skip
        if orientation is None or spacing is None:
            continue
        cosines = np.array(orientation.value, float).reshape(2, 3)  # along a row, and down a column
        moved = (0.5 / across - 0.5) * float(spacing.value[1]) * cosines[0]
        moved = moved + (0.5 / down - 0.5) * float(spacing.value[0]) * cosines[1]
        position.value = [_decimal(x) for x in np.array(position.value, float) + moved]
    for element in list(_spacings(dataset)):
        element.value = [_decimal(float(element.value[0]) / down), _decimal(float(element.value[1]) / across)]
    for region in _regions(dataset):
        region.PhysicalDeltaX, region.PhysicalDeltaY = region.PhysicalDeltaX / across, region.PhysicalDeltaY / down
        for axis, factor in (("X", across), ("Y", down)):
            first, last = f"RegionLocationMin{axis}0", f"RegionLocationMax{axis}1"
            region[last].value = round((region[last].value + 1) * factor) - 1
            region[first].value = round(region[first].value * factor)
            if f"ReferencePixel{axis}0" in region:
                pixel = region[f"ReferencePixel{axis}0"]
                pixel.value = round((pixel.value + 0.5) * factor - 0.5)
    for tag in [tag for tag in dataset.keys() if 0x6000 <= tag.group <= 0x60FF]:  # noqa: SIM118
        del dataset[tag]  # overlays: drawn in pixels of the old size


def _scale_edges(dataset: Any, down: float, across: float) -> None:
    """Shutters and collimators, in pixels of the image: what was covered stays covered."""
    factors = {"D": down, "A": across}
    for kind in ("Shutter", "Collimator"):
        for name, axes in EDGES.items():
            if (keyword := name.format(kind)) in dataset and dataset[keyword].VM:
                old = np.atleast_1d(dataset[keyword].value).astype(int)
                new = [round((x - 0.5) * factors[axes[i % len(axes)]] + 0.5) for i, x in enumerate(old)]
                dataset[keyword].value = new if len(new) > 1 else new[0]
        if dataset.get(f"RadiusOfCircular{kind}"):
            dataset[f"RadiusOfCircular{kind}"].value = round(dataset[f"RadiusOfCircular{kind}"].value * down)


def _inner(place: Any, sequence: str, keyword: str) -> Any:
    """An element of a dataset, or of the functional group that holds it in multi-frame files."""
    inner = place if keyword in place else (place.get(sequence) or [{}])[0]
    return inner[keyword] if keyword in inner and inner[keyword].VM > 1 else None


def _regions(dataset: Any) -> Any:
    """Of ultrasound: the parts of the picture that are measured in centimetres."""
    return [region for region in dataset.get("SequenceOfUltrasoundRegions", []) if "PhysicalDeltaX" in region]


def _derive(dataset: Any, how: str, content: str) -> None:
    """A derived image: of itself, of its own series, and of which one it was made (PS3.3, C.7.6.1 and C.12.4)."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence
    from pydicom.uid import generate_uid

    source = Dataset()
    source.ReferencedSOPClassUID = dataset.get("SOPClassUID")
    source.ReferencedSOPInstanceUID = dataset.get("SOPInstanceUID")
    dataset.SourceImageSequence = Sequence([source])
    # The slices of one series make one series again.
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[str(dataset.get("SOPInstanceUID")), how, content])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[str(dataset.get("SeriesInstanceUID")), how])
    dataset.ImageType = _derived(dataset.get("ImageType"))
    for group in _groups(dataset):  # sequences named after the modality say the same of each frame
        for inner in (inner for e in group if e.keyword.endswith("FrameTypeSequence") for inner in e.value):
            inner.FrameType = _derived(inner.get("FrameType"))
    dataset.DerivationDescription = "; ".join(filter(None, [str(dataset.get("DerivationDescription") or ""), how]))
    series = f"{dataset.get('SeriesDescription') or ''} enlarged".strip()
    dataset.SeriesDescription = series if len(series) <= 64 else series[-64:]


def _derived(kinds: Any) -> list[str]:
    """Of ImageType, the first value."""
    return ["DERIVED", *(([] if isinstance(kinds, str) else list(kinds or [])[1:]) or ["SECONDARY"])]


def _decimal(value: float) -> str:
    """As DICOM's decimal strings have it: at most 16 characters."""
    return next(text for digits in range(15, 0, -1) if len(text := f"{value:.{digits}g}") <= 16)
