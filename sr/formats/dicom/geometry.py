"""Where an enlarged image lies: all that is counted in pixels, in pixels of the new size.

`down` and `across` are new size / old size, of rows and of columns.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .header import found, groups, names_in, places, spacing_in
from .table import FROM_REFERENCE, INDEX, LENGTH, MAP, OFFSET, PIXEL, POSITION, SPACING

WHOLE = ("IS", "SS", "US", "SL", "UL")  # kinds of numbers without a fraction

# How a number changes that counts pixels, by the factor of its axis
CHANGES: tuple[tuple[dict[str, str], Callable[[float, float], float]], ...] = (
    (SPACING, lambda x, factor: x / factor),
    (PIXEL, lambda x, factor: (x - 0.5) * factor + 0.5),
    (INDEX, lambda x, factor: (x + 0.5) * factor - 0.5),
    (OFFSET, lambda x, factor: x * factor),
    (LENGTH, lambda x, factor: x * factor),
)
COUNTED = {keyword: (axes, change) for table, change in CHANGES for keyword, axes in table.items()}


def scale_geometry(dataset: Any, down: float, across: float) -> list[str]:
    """Scale everything a dataset gives in pixels, and their spacing; the image keeps its place.

    Returns:
        Notes for the user: what could not be kept.
    """
    notes = _move_positions(dataset, down, across)  # by the old spacing
    factors = {"D": down, "A": across}
    for place in places(dataset):
        names = names_in(place)
        if "RegionLocationMinX0" in names:
            _scale_region(place, factors)
        for keyword in COUNTED.keys() & names:
            if place[keyword].VM:
                axes, change = COUNTED[keyword]
                old = np.atleast_1d(np.array(place[keyword].value, float))
                put(place[keyword], [change(x, factors[axes[i % len(axes)]]) for i, x in enumerate(old)])
        if MAP in names:
            points = np.frombuffer(place[MAP].value, "<f4").reshape(-1, 5) * np.array(
                (across, down, 1, 1, 1), np.float32
            )
            place[MAP].value = points.astype("<f4").tobytes()
    ratio = list(dataset.get("PixelAspectRatio") or [])
    if len(ratio) == 2 and abs(down / across - 1) > 0.01:
        dataset.PixelAspectRatio = [round(1000 * float(ratio[0]) / down), round(1000 * float(ratio[1]) / across)]
    return notes


def put(element: Any, values: list[float]) -> None:
    """Set the numbers of an element, in the way of its kind: whole numbers are rounded."""
    if element.VR in WHOLE:
        numbers: list[Any] = [round(x) for x in values]
    else:
        numbers = [_decimal(x) for x in values] if element.VR == "DS" else [float(x) for x in values]
    element.value = numbers if len(numbers) > 1 else numbers[0]


def _move_positions(dataset: Any, down: float, across: float) -> list[str]:
    """A position is that of the centre of the first pixel: as pixels get smaller, it moves towards the corner."""
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [])[:1]
    of_all = [place for scope in (*shared, dataset) for place in places(scope, nested=False)]
    left = set()
    for group in [dataset, *groups(dataset)]:
        inside = list(places(group, nested=False))
        for place in inside:
            for keyword in POSITION.keys() & names_in(place):
                if place[keyword].VM < 2:
                    continue
                name, usual = POSITION[keyword]
                scopes = [place, *inside, *of_all]
                orientation, spacing = found(scopes, name, 6), spacing_in(scopes)
                if spacing is None or (orientation is None and usual is None):
                    left.add(keyword)
                    continue
                cosines = np.array(usual if orientation is None else orientation, float).reshape(2, 3)
                moved = (0.5 / across - 0.5) * spacing[1] * cosines[0] + (0.5 / down - 0.5) * spacing[0] * cosines[1]
                old = np.array(place[keyword].value, float)
                put(place[keyword], list(old + moved[: len(old)]))
    return [
        f"{keyword} is kept as it was: the file does not say in which direction it lies" for keyword in sorted(left)
    ]


def _scale_region(region: Any, factors: dict[str, float]) -> None:
    """Bounds, the pixel that other positions count from, and these; what integers cannot say goes into its value."""
    for axis, letter in (("X", "A"), ("Y", "D")):
        factor = factors[letter]
        first, last, at = (f"RegionLocationMin{axis}0", f"RegionLocationMax{axis}1", f"ReferencePixel{axis}0")
        corner, new = region[first].value, round(region[first].value * factor)
        region[last].value, region[first].value = round((region[last].value + 1) * factor) - 1, new
        origin, made = corner, new
        if region.get(at) is not None:
            origin = corner + region[at].value
            exact = (origin + 0.5) * factor - 0.5
            made = round(exact)
            region[at].value = made - new
            value, delta = f"ReferencePixelPhysicalValue{axis}", region.get(f"PhysicalDelta{axis}")
            if value in region and delta:
                region[value].value = region[value].value + (made - exact) * delta / factor
        for keyword in FROM_REFERENCE:
            if FROM_REFERENCE[keyword] == letter and keyword in region and region[keyword].VM:
                region[keyword].value = round((origin + region[keyword].value + 0.5) * factor - 0.5) - made


def _decimal(value: float) -> str:
    """A number as a decimal string of DICOM: at most 16 characters."""
    return next(text for digits in range(15, 0, -1) if len(text := f"{value:.{digits}g}") <= 16)
