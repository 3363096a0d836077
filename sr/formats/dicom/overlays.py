"""Overlay planes (PS3.3, C.9.2): drawings of one bit a pixel, enlarged without interpolation."""

from typing import Any

import numpy as np

GROUPS = range(0x6000, 0x6020, 2)
ROWS, COLUMNS, FRAMES, ORIGIN, BITS, BIT, AREA, DATA = 0x10, 0x11, 0x15, 0x50, 0x100, 0x102, 0x1301, 0x3000


def scale_overlays(dataset: Any, down: float, across: float) -> list[str]:
    """Enlarge the overlay planes of a dataset whose pixels are still the old ones.

    Returns:
        Notes for the user: what could not be kept.
    """
    from pydicom.pixels import pack_bits

    notes = []
    for group in GROUPS:
        if (group, ROWS) not in dataset:
            continue
        try:
            plane = _plane(dataset, group)
            origin = [int(x) for x in dataset[group, ORIGIN].value] if (group, ORIGIN) in dataset else [1, 1]
        except Exception:  # pydicom raises many kinds on a damaged one
            for tag in [tag for tag in dataset.keys() if tag.group == group]:  # noqa: SIM118
                del dataset[tag]
            notes.append(f"overlay {group:04X} is left out: it cannot be read")
            continue
        place: list[int] = []
        for axis, factor in ((1, down), (2, across)):
            first = round((origin[axis - 1] - 1) * factor)
            size = max(round((origin[axis - 1] - 1 + plane.shape[axis]) * factor) - first, 1)
            at = ((np.arange(size) + 0.5) * plane.shape[axis] / size).astype(int)
            plane, place = plane.take(at, axis), [*place, first + 1]
        packed = pack_bits(plane, pad=True)
        for element, kind, value in (
            (ROWS, "US", plane.shape[1]), (COLUMNS, "US", plane.shape[2]), (ORIGIN, "SS", place),
            (BITS, "US", 1), (BIT, "US", 0), (DATA, "OW", packed),
        ):  # fmt: skip
            dataset.add_new((group, element), kind, value)
        if dataset.get((group, AREA)) is not None and dataset[group, AREA].VM:
            dataset[group, AREA].value = round(float(dataset[group, AREA].value) * down * across)
    return notes


def _plane(dataset: Any, group: int) -> Any:
    """Frames, rows, columns of zeros and ones; from the bits of pixels that they do not use, as older files have it."""
    shape = int(dataset.get((group, FRAMES)).value if (group, FRAMES) in dataset else 1), *(
        int(dataset[group, element].value) for element in (ROWS, COLUMNS))  # fmt: skip
    if (group, DATA) in dataset:
        return np.asarray(dataset.overlay_array(group)).reshape(shape)
    if dataset.file_meta.TransferSyntaxUID.is_compressed or dataset.BitsAllocated != 16:
        raise ValueError("in bits that were not kept")
    order = "<" if dataset.original_encoding[1] else ">"
    words = np.frombuffer(dataset.PixelData, f"{order}u2")[: int(np.prod(shape))].reshape(shape)
    return (words >> int(dataset[group, BIT].value) & 1).astype(np.uint8)
