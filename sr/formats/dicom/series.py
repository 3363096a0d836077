"""One range for a whole series, so that neighbouring slices look alike: measured over its files in the folder."""

import os
from contextlib import nullcontext
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from sr.errors import UserError
from sr.image.range import Measurement, Range

from .naming import is_dicom

if TYPE_CHECKING:
    from .file import Dicom

# Both are kept for the life of the process.
_series: dict[tuple[Path, str, int], tuple[dict[str, tuple[int, int]], Range]] = {}
_folders: dict[Path, tuple[int, dict[str, tuple[tuple[int, int], str]]]] = {}
_measuring = Lock()


def range_of_series(file: "Dicom") -> Range:
    """The range over all slices of its series, in the unit of the file; measured once a process."""
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
                with nullcontext(file) if path == file.path else type(file).at(path) as one:
                    if one.shape[3] == file.shape[3] and (one is file or not one.labels):
                        for pixels in one.frames():
                            measurement.add(pixels * np.array(one.slope) + np.array(one.intercept))
                            count += 1
                        seen[path.name] = _stamp(path)
            except (UserError, OSError):  # reported when that file is enlarged itself
                continue
        found = measurement.range(f"measured over {count} slices of its series" if count > 1 else "measured")
        _series[key] = seen, found
        return found


def _series_of(folder: Path) -> dict[str, str]:
    """Name -> SeriesInstanceUID of the DICOM files in a folder; each header is read once a process."""
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
            except Exception:  # pydicom raises many kinds on a damaged header
                continue
            found[entry.name] = stamp, str(header.get("SeriesInstanceUID") or "")
        known = _folders[folder] = changed, found
    return {name: uid for name, (_, uid) in known[1].items()}


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of a file, which differ once it has changed."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size
