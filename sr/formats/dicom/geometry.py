"""Where an enlarged image lies: spacing, position, regions, shutters, in pixels of the new size.

`down` and `across` are new size / old size, of rows and of columns.
"""

from typing import Any

import numpy as np

from .header import groups, regions, spacings

# Edges of what a viewer covers, in pixels from 1: D is counted down, A across; points alternate between the two.
EDGES = {
    "{}LeftVerticalEdge": "A", "{}RightVerticalEdge": "A", "{}UpperHorizontalEdge": "D", "{}LowerHorizontalEdge": "D",
    "CenterOfCircular{}": "DA", "VerticesOfThePolygonal{}": "DA",
}  # fmt: skip


def scale_geometry(dataset: Any, down: float, across: float) -> None:
    """Scale everything a dataset gives in pixels, and their spacing; the image keeps its place in the patient."""
    _move_positions(dataset, down, across)  # by the old spacing
    for element in list(spacings(dataset)):
        element.value = [_decimal(float(element.value[0]) / down), _decimal(float(element.value[1]) / across)]
    _scale_regions(dataset, down, across)
    for tag in [tag for tag in dataset.keys() if 0x6000 <= tag.group <= 0x60FF]:  # noqa: SIM118
        del dataset[tag]  # overlays: drawn in pixels of the old size
    _scale_edges(dataset, down, across)


def _move_positions(dataset: Any, down: float, across: float) -> None:
    """ImagePositionPatient is the centre of the first pixel: as pixels get smaller, it moves towards the corner."""
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [dataset])[0]
    for place in [dataset, *groups(dataset)]:
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


def _scale_regions(dataset: Any, down: float, across: float) -> None:
    for region in regions(dataset):
        region.PhysicalDeltaX, region.PhysicalDeltaY = region.PhysicalDeltaX / across, region.PhysicalDeltaY / down
        for axis, factor in (("X", across), ("Y", down)):
            first, last = f"RegionLocationMin{axis}0", f"RegionLocationMax{axis}1"
            region[last].value = round((region[last].value + 1) * factor) - 1
            region[first].value = round(region[first].value * factor)
            if f"ReferencePixel{axis}0" in region:
                pixel = region[f"ReferencePixel{axis}0"]
                pixel.value = round((pixel.value + 0.5) * factor - 0.5)


def _scale_edges(dataset: Any, down: float, across: float) -> None:
    """Shutters and collimators: what was covered stays covered."""
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


def _decimal(value: float) -> str:
    """A number as a decimal string of DICOM: at most 16 characters."""
    return next(text for digits in range(15, 0, -1) if len(text := f"{value:.{digits}g}") <= 16)
