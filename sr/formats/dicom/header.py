"""What a DICOM header says of the pixels: their kind, unit, padding and spacing; and what is refused."""

from collections.abc import Iterator
from typing import Any

import numpy as np

# PS3.3: distances between the centres of pixels, down and across, in millimetres
SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")


def objection(dataset: Any) -> str | None:
    """Why the result for such a file would be wrong, which is then refused; None where it is right."""
    colours = str(dataset.get("PhotometricInterpretation", ""))
    if "PixelData" not in dataset:
        return "holds no pixels"
    if colours == "PALETTE COLOR":
        return "pixels are indices into a palette, which cannot be interpolated"
    if colours not in ("MONOCHROME1", "MONOCHROME2", *COLOURS):
        return f"colours of the kind {colours or 'unknown'}; gray, RGB and YBR are enlarged"
    if dataset.get("BitsAllocated") == 1 or dataset.get("Modality") == "SEG":
        return "a segmentation, whose labels cannot be interpolated"
    if "TotalPixelMatrixColumns" in dataset:
        return "a slide in tiles; its frames are parts of one picture"
    if not (any(True for _ in spacings(dataset)) or regions(dataset)):
        return "does not say how far apart its pixels lie (PixelSpacing); nothing could be measured in the result"
    return None


def rescale(dataset: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Slope and intercept of stored values; of multi-frame files those that all frames share."""
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [{}])[0]
    place = dataset if "RescaleSlope" in dataset else (shared.get("PixelValueTransformationSequence") or [{}])[0]
    slope, intercept = (place.get(keyword) for keyword in ("RescaleSlope", "RescaleIntercept"))
    return (float(slope or 1),), (float(intercept or 0),)


def stored_limits(dataset: Any) -> tuple[float, float]:
    """The least and the largest value that the bits in use (BitsStored) can hold."""
    bits, signed = int(dataset.get("BitsStored") or 16), bool(dataset.get("PixelRepresentation"))
    return (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if signed else (0.0, 2.0**bits - 1)


def padding(dataset: Any, dtype: np.dtype[Any], keyword: str = "PixelPaddingValue") -> int | None:
    """The stored value of padding, which only gray images have; None without one.

    Many files store a negative value as an unsigned number: it is wrapped to the type of the pixels.
    """
    value = dataset.get(keyword)
    if value is None or dataset.get("SamplesPerPixel", 1) != 1:
        return None
    return int(np.array(int(value)).astype(dtype))


def groups(dataset: Any) -> list[Any]:
    """The functional groups of a multi-frame file: what it says of all frames, then of each."""
    names = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
    return [group for name in names for group in dataset.get(name) or []]


def spacings(dataset: Any) -> Iterator[Any]:
    """The elements that hold the spacing of these pixels; other nested datasets may describe other images."""
    measures = [inner for group in groups(dataset) for inner in group.get("PixelMeasuresSequence") or []]
    for place in (dataset, *measures):
        yield from (place[name] for name in SPACINGS if name in place and place[name].VM == 2)


def regions(dataset: Any) -> Any:
    """Of ultrasound, the parts of the picture that have a physical scale of their own."""
    return [region for region in dataset.get("SequenceOfUltrasoundRegions", []) if "PhysicalDeltaX" in region]
