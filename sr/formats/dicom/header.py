"""What a DICOM header says of the pixels: their kind, unit, padding and spacing; and what is refused."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .table import MAP, OF_THIS_IMAGE, SPACING

PAIRS = tuple(keyword for keyword, axes in SPACING.items() if axes == "DA")
PALETTE = "PALETTE COLOR"
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def pixels_in(dataset: Any) -> str | None:
    """The keyword of the element that holds the pixels."""
    return next((keyword for keyword in PIXELS if keyword in dataset), None)


def no_image(dataset: Any) -> str | None:
    """What an object is that was never meant to be an image: a report, a plan, a directory; None for an image."""
    if pixels_in(dataset) is not None or "Rows" in dataset:
        return None
    from pydicom.uid import UID

    uid = dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID") or UID("")
    name = str(uid.name).removesuffix(" Storage")
    return name if name and name.isprintable() else "an object of an unknown kind"


def objection(dataset: Any) -> str | None:
    """Why the result for such a file would be wrong, which is then refused; None where it is right."""
    colours = str(dataset.get("PhotometricInterpretation", ""))
    if pixels_in(dataset) is None:
        return "holds no pixels"
    if colours not in ("MONOCHROME1", "MONOCHROME2", PALETTE, *COLOURS):
        return f"colours of the kind {colours or 'unknown'}; gray, RGB, YBR and palettes are enlarged"
    if "TotalPixelMatrixColumns" in dataset:
        return "a slide in tiles; its frames are parts of one picture"
    if dataset.get("Modality") == "RTDOSE":
        return "a dose distribution; a network would invent dose, so resample it in the planning system"
    return None


def labels_in(dataset: Any) -> str:
    """What says that the pixels are labels, or indices; empty where nothing does."""
    if dataset.get("Modality") == "SEG":
        return "a segmentation"
    if dataset.get("PhotometricInterpretation") == PALETTE:
        return "indices into a palette"
    return "of one bit" if dataset.get("BitsAllocated") == 1 else ""


def rescale(dataset: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Slope and intercept of stored values; of multi-frame files those that all frames share."""
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [{}])[0]
    place = dataset if "RescaleSlope" in dataset else (shared.get("PixelValueTransformationSequence") or [{}])[0]
    slope, intercept = (place.get(keyword) for keyword in ("RescaleSlope", "RescaleIntercept"))
    return (float(slope or 1),), (float(intercept or 0),)


def stored_limits(dataset: Any) -> tuple[float, float] | None:
    """The least and the largest value that the bits in use (BitsStored) can hold; None of floats."""
    if "PixelData" not in dataset:
        return None
    bits, signed = int(dataset.get("BitsStored") or 16), bool(dataset.get("PixelRepresentation"))
    return (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if signed else (0.0, 2.0**bits - 1)


def padding(dataset: Any, dtype: np.dtype[Any], keyword: str = "PixelPaddingValue") -> float | None:
    """The stored value of padding, which only gray images have; None without one.

    Many files store a negative value as an unsigned number: it is wrapped to the type of the pixels.
    """
    prefix = (pixels_in(dataset) or "").removesuffix("PixelData")  # FloatPixelPaddingValue, of floats
    value = dataset.get(prefix + keyword)
    if value is None or dataset.get("SamplesPerPixel", 1) != 1:
        return None
    return float(value) if dtype.kind == "f" else int(np.array(int(value)).astype(dtype))


def groups(dataset: Any) -> list[Any]:
    """The functional groups of a multi-frame file: what it says of all frames, then of each."""
    names = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
    return [group for name in names for group in dataset.get(name) or []]


def names_in(dataset: Any) -> set[str]:
    """Keywords of what a dataset holds: of a frame a few, where most of a table is missing."""
    return set(dataset.dir())


def places(dataset: Any, nested: bool = True) -> Iterator[Any]:
    """The datasets that say something of these pixels: this one, and the items of some of its sequences.

    Args:
        dataset: of an image, or one functional group.
        nested: enter functional groups.
    """
    yield dataset
    names = names_in(dataset)
    for name in OF_THIS_IMAGE:
        if name in names and (nested or not name.endswith("FunctionalGroupsSequence")):
            for item in dataset[name].value or []:
                yield from places(item, nested)


def found(scopes: Iterable[Any], keyword: str, count: int) -> list[float] | None:
    """The first element of this name, and with so many numbers, in some datasets; None without one."""
    for place in scopes:
        if keyword in place and count == place[keyword].VM:
            values = [float(x) for x in place[keyword].value]
            if np.isfinite(values).all() and (keyword not in SPACING or min(values) > 0):
                return values
    return None


def spacing_in(scopes: Iterable[Any]) -> tuple[float, float] | None:
    """Distances between the centres of pixels, down and across; None where these datasets do not say them."""
    pairs: dict[str, list[float]] = {}
    for place in scopes:
        for keyword in PAIRS:
            if keyword not in pairs and (pair := found([place], keyword, 2)) is not None:
                pairs[keyword] = pair
        if PAIRS[0] in pairs:  # which goes before all others: the frames that follow need not be decoded
            break
    return next(((pairs[keyword][0], pairs[keyword][1]) for keyword in PAIRS if keyword in pairs), None)


def has_other_scale(dataset: Any) -> bool:
    """Whether something can be measured in an image without a spacing: regions, lines or points have a scale."""
    of_regions = (region.get("PhysicalDeltaX") for region in dataset.get("SequenceOfUltrasoundRegions") or [])
    return any(of_regions) or bool(dataset.get("ALinePixelSpacing")) or any(MAP in place for place in places(dataset))
