"""DICOM: one frame or many, stored values as they are; what lies where in the patient is kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sr.atomic import replacing
from sr.errors import MissingError, UserError, reason

from . import missing

SUFFIXES = {".dcm", ".dicom", ".ima"}
Array = np.ndarray[Any, np.dtype[Any]]
# DICOM PS3.3: distances between the centres of pixels, down and across, in millimetres
SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT")


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
    pydicom = _pydicom(path)
    path = Path(path)
    try:
        dataset = pydicom.dcmread(path)
    except FileNotFoundError as error:
        raise UnreadableDicom(f"{path}: no such file") from error
    except Exception as error:  # whatever a damaged header makes of it
        raise UnreadableDicom(f"{path}: not DICOM ({reason(error)})") from error
    _refuse(path, dataset)
    try:
        from pydicom.pixels import pixel_array

        pixels = pixel_array(dataset)  # decompressed; YBR as RGB
    except Exception as error:
        raise UnreadableDicom(f"{path}: its pixels cannot be decoded ({reason(error)})") from error
    frames = int(dataset.get("NumberOfFrames") or 1)
    pixels = pixels.reshape(frames, dataset.Rows, dataset.Columns, -1)
    dtype = pixels.dtype
    padding = dataset.get("PixelPaddingValue")
    if padding is not None and pixels.shape[-1] == 1:
        ends = sorted((int(padding), int(dataset.get("PixelPaddingRangeLimit", padding))))
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
    from pydicom.uid import ExplicitVRLittleEndian

    dataset = frames.dataset
    down, across = (new / old for new, old in zip(pixels.shape[1:3], frames.pixels.shape[1:3], strict=True))
    made = missing.stored(pixels, frames.dtype, dataset.get("PixelPaddingValue"))
    _scale_places(dataset, down, across)
    _derive(dataset, how)
    dataset.Rows, dataset.Columns = made.shape[1:3]
    if made.shape[3] == 3:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    for keyword, value in (("SmallestImagePixelValue", made.min()), ("LargestImagePixelValue", made.max())):
        if keyword in dataset:
            dataset[keyword].value = int(value)
    data = np.ascontiguousarray(made).astype(made.dtype.newbyteorder("<")).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB" if made.dtype.itemsize == 1 else "OW"
    dataset["PixelData"].is_undefined_length = False
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            del dataset[keyword]
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    with replacing(path) as temporary:
        dataset.save_as(temporary, enforce_file_format=True)


def _refuse(path: Path, dataset: Any) -> None:
    """What would come out wrong."""
    colours = str(dataset.get("PhotometricInterpretation", ""))
    why = None
    if "PixelData" not in dataset:
        why = "holds no pixels"
    elif colours == "PALETTE COLOR":
        why = "colours by a table; what lies between two entries is none"
    elif colours not in ("MONOCHROME1", "MONOCHROME2", *COLOURS):
        why = f"colours of the kind {colours or 'unknown'}; gray, RGB and YBR are enlarged"
    elif dataset.BitsAllocated == 1 or dataset.get("Modality") == "SEG":
        why = "a segmentation; what lies between two labels is none"
    elif not (any(element.keyword in SPACINGS for element in dataset.iterall()) or _regions(dataset)):
        why = "does not say how far apart its pixels lie (PixelSpacing); enlarged, it could not be measured in"
    if why:
        raise UnreadableDicom(f"{path}: {why}")


def _scale_places(dataset: Any, down: float, across: float) -> None:
    """Distances between pixels, and the centre of the first of them, which moves towards its corner."""
    groups = [group for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
              for group in dataset.get(name, [])]  # fmt: skip
    shared = dataset.get("SharedFunctionalGroupsSequence", [dataset])[0]
    for place in [dataset, *groups]:
        position = _inner(place, "PlanePositionSequence", "ImagePositionPatient")
        if position is None:
            continue
        orientation, spacing = (
            next((found for at in (place, shared, dataset) if (found := _inner(at, sequence, keyword)) is not None), None)
            for sequence, keyword in (
                ("PlaneOrientationSequence", "ImageOrientationPatient"), ("PixelMeasuresSequence", "PixelSpacing"))
        )  # fmt: skip
        if orientation is None or spacing is None:
            continue
        cosines = np.array(orientation.value, float).reshape(2, 3)  # along a row, and down a column
        moved = (0.5 / across - 0.5) * float(spacing.value[1]) * cosines[0]
        moved = moved + (0.5 / down - 0.5) * float(spacing.value[0]) * cosines[1]
        position.value = [_decimal(x) for x in np.array(position.value, float) + moved]
    for element in dataset.iterall():
        if element.keyword in SPACINGS:
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
    for element in list(dataset):
        if 0x6000 <= element.tag.group <= 0x60FF:  # overlays: drawn in pixels of the old size
            del dataset[element.tag]


def _inner(place: Any, sequence: str, keyword: str) -> Any:
    """An element of a dataset, or of the functional group that holds it in multi-frame files."""
    if keyword in place:
        return place[keyword]
    inner = place.get(sequence)
    return inner[0][keyword] if inner and keyword in inner[0] else None


def _regions(dataset: Any) -> Any:
    """Of ultrasound: the parts of the picture that are measured in centimetres."""
    return [region for region in dataset.get("SequenceOfUltrasoundRegions", []) if "PhysicalDeltaX" in region]


def _derive(dataset: Any, how: str) -> None:
    """A derived image: of itself, of its own series, and of which one it was made (PS3.3, C.7.6.1 and C.12.4)."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence
    from pydicom.uid import generate_uid

    source = Dataset()
    source.ReferencedSOPClassUID = dataset.get("SOPClassUID")
    source.ReferencedSOPInstanceUID = dataset.get("SOPInstanceUID")
    dataset.SourceImageSequence = Sequence([source])
    # The slices of one series make one series again.
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[str(dataset.get("SOPInstanceUID")), how])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[str(dataset.get("SeriesInstanceUID")), how])
    dataset.ImageType = ["DERIVED", *(list(dataset.get("ImageType") or ["", "SECONDARY"])[1:] or ["SECONDARY"])]
    dataset.DerivationDescription = "; ".join(filter(None, [str(dataset.get("DerivationDescription") or ""), how]))
    series = f"{dataset.get('SeriesDescription') or ''} enlarged".strip()
    dataset.SeriesDescription = series if len(series) <= 64 else series[-64:]


def _decimal(value: float) -> str:
    """As DICOM's decimal strings have it: at most 16 characters."""
    return next(text for digits in range(15, 0, -1) if len(text := f"{value:.{digits}g}") <= 16)


def _pydicom(path: str | Path) -> Any:
    try:
        import pydicom
    except ImportError as error:
        raise MissingError(f"{path}: DICOM needs pydicom: pip install 'sr[medical]'") from error
    return pydicom
