"""DICOM: one frame or many, stored values as they are; what lies where in the patient is kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from sr.atomic import replacing
from sr.errors import UserError, optional, reason

from . import missing

SUFFIXES = {".dcm", ".dicom", ".ima"}
Array = np.ndarray[Any, np.dtype[Any]]
# DICOM PS3.3: distances between the centres of pixels, down and across, in millimetres
SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
# Pixels that a viewer covers, by Shutter or Collimator: D counts down from 1, A across, in turns
EDGES = {
    "{}LeftVerticalEdge": "A", "{}RightVerticalEdge": "A", "{}UpperHorizontalEdge": "D", "{}LowerHorizontalEdge": "D",
    "CenterOfCircular{}": "DA", "VerticesOfThePolygonal{}": "DA",
}  # fmt: skip


class UnreadableDicom(UserError):
    """A file that is not DICOM, or one that cannot be enlarged rightly."""


@dataclass(frozen=True)
class Frames:
    """The frames of a DICOM file.

    Args:
        path: of the file.
        pixels: T H W C; stored values, before slope and intercept; float with NaN where they are padding.
        dtype: of the stored values.
        dataset: all else.
    """

    path: Path
    pixels: Array
    dtype: np.dtype[Any]
    dataset: Any


def is_dicom(path: Path) -> bool:
    """By the suffix, and without any by the four letters that DICOM files begin with."""
    if path.suffix.lower() in SUFFIXES:
        return True
    if path.suffix.strip(".0123456789"):  # UIDs as names look as if they had one
        return False
    try:
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def read(path: str | Path) -> Frames:
    """All frames.

    Raises:
        UnreadableDicom: damaged, no image, or one whose enlargement would say something false.
        MissingError: pydicom is not installed.
    """
    pydicom = optional("pydicom", f"{path}: DICOM needs pydicom", "medical")
    path = Path(path)
    try:
        dataset = pydicom.dcmread(path)
    except FileNotFoundError as error:
        raise UnreadableDicom(f"{path}: no such file") from error
    except Exception as error:  # whatever a damaged header makes of it
        raise UnreadableDicom(f"{path}: not DICOM ({reason(error)})") from error
    try:
        why = _objection(dataset)
    except Exception as error:
        raise UnreadableDicom(f"{path}: a damaged header ({reason(error)})") from error
    if why:
        raise UnreadableDicom(f"{path}: {why}")
    try:
        from pydicom.pixels import pixel_array

        pixels = pixel_array(dataset)  # decompressed; YBR as RGB
        pixels = pixels.reshape(int(dataset.get("NumberOfFrames") or 1), dataset.Rows, dataset.Columns, -1)
        pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    except Exception as error:
        raise UnreadableDicom(f"{path}: its pixels cannot be decoded ({reason(error)})") from error
    dtype = pixels.dtype
    padding = _padding(dataset, dtype)
    if padding is not None:
        limit = _padding(dataset, dtype, "PixelPaddingRangeLimit")
        ends = sorted((padding, padding if limit is None else limit))
        padded = (pixels >= ends[0]) & (pixels <= ends[1])
        if padded.any():
            pixels = missing.masked(pixels, padded)
    return Frames(path, pixels, dtype, dataset)


def write(path: str | Path, frames: Frames, pixels: Array, how: str) -> None:
    """Frames enlarged, as a derived image of a series of its own; uncompressed; whole or not at all.

    Args:
        path: to write.
        frames: what was read.
        pixels: T H W C as `frames.pixels` has it.
        how: for DerivationDescription.
    """
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian

    dataset = frames.dataset
    down, across = (new / old for new, old in zip(pixels.shape[1:3], frames.pixels.shape[1:3], strict=True))
    made = missing.stored(pixels, frames.dtype, _padding(dataset, frames.dtype))
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
            raise UnreadableDicom(f"{frames.path}: cannot be written again ({reason(error)})") from error


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
