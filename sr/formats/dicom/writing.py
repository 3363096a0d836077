"""Writing an enlarged image as DICOM: a derived image, in a series of its own, that names its source."""

from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sr.atomic import replacing

from ..base import Array
from ..nodata import stored
from .geometry import scale_geometry
from .header import groups, padding, pixels_in
from .outdated import leave_out
from .overlays import scale_overlays

if TYPE_CHECKING:
    from .file import Dicom


KINDS = {"u1": "OB", "i1": "OB", "f4": "OF", "f8": "OD"}  # of the element that holds the pixels; others are OW
BYTES = {"OW": "u2", "OL": "u4", "OF": "u4", "OV": "u8", "OD": "u8"}  # kinds that hold numbers as bytes
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def write(path: Path, file: "Dicom", pixels: Array, how: str) -> None:
    """Write enlarged frames uncompressed: whole or not at all.

    Args:
        path: to write.
        file: what was read; it is not changed.
        pixels: T H W C in stored values, NaN where there is padding, as `file.frames` has them.
        how: how it was made, for DerivationDescription.

    Raises:
        Exception: of many kinds, where the file holds an element that pydicom can read but not write.
    """
    import pydicom
    from pydicom.pixels import pack_bits
    from pydicom.uid import ExplicitVRLittleEndian

    dataset = deepcopy(file.dataset)
    down, across = (new / old for new, old in zip(pixels.shape[1:3], file.shape[1:3], strict=True))
    made = stored(pixels, file.dtype, padding(dataset, file.dtype))
    how = "; ".join([how, *_unmeasured(dataset, file)])
    file.notes += scale_overlays(dataset, down, across) + leave_out(dataset)
    file.notes += scale_geometry(dataset, down, across)
    _describe(dataset, made)
    if dataset.BitsAllocated == 1:
        data = pack_bits(made, pad=False)
    else:
        data = np.ascontiguousarray(made).astype(made.dtype.newbyteorder("<")).tobytes()
    _derive(dataset, how, sha256(data).hexdigest())
    keyword = pixels_in(dataset)
    assert keyword is not None
    dataset.add_new(keyword, KINDS.get(made.dtype.str[1:], "OW"), data + b"\0" * (len(data) % 2))
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    if not dataset.original_encoding[1]:  # big endian: pydicom swaps the bytes of numbers, but not these
        for element in dataset.iterall():
            if element.VR in BYTES and element.keyword != keyword:
                kind = BYTES[element.VR]
                element.value = np.frombuffer(element.value, f">{kind}").astype(f"<{kind}").tobytes()
    with replacing(path) as temporary:
        pydicom.dcmwrite(temporary, dataset, enforce_file_format=True)


def _unmeasured(dataset: Any, file: "Dicom") -> list[str]:
    """Of a file that does not say how far apart its pixels lie: set what the user says, and what is to be noted."""
    if file.given is None:
        return []
    if file.given == "pixels":
        return ["of unknown spacing"]
    dataset.PixelSpacing = [str(x) for x in file.given]
    return ["from a spacing of {:g} x {:g} mm that the user gave".format(*file.given)]


def _describe(dataset: Any, made: Array) -> None:
    """Size, kind of colours, least and largest value."""
    dataset.Rows, dataset.Columns = made.shape[1:3]
    if made.shape[3] == 3:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    for keyword, value in (("SmallestImagePixelValue", made.min()), ("LargestImagePixelValue", made.max())):
        if keyword not in dataset:
            continue
        if made.dtype.itemsize <= 2:  # of the kind of the pixels, whatever it was before
            dataset.add_new(keyword, "SS" if made.dtype.kind == "i" else "US", int(value))
        else:
            del dataset[keyword]


def _derive(dataset: Any, how: str, content: str) -> None:
    """A derived image, with UIDs of its own and those of its source (PS3.3, C.7.6.1 and C.12.4).

    Args:
        dataset: of the source; it is changed.
        how: how it was made.
        content: hash of the pixels; other pixels get another UID, equal ones the same.
    """
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence
    from pydicom.uid import generate_uid

    dataset.SOPClassUID = dataset.get("SOPClassUID") or SECONDARY_CAPTURE  # which older files do not have
    source = Dataset()
    source.ReferencedSOPClassUID = dataset.SOPClassUID
    source.ReferencedSOPInstanceUID = dataset.get("SOPInstanceUID")
    dataset.SourceImageSequence = Sequence([source])
    # The slices of one series make one series again.
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[str(dataset.get("SOPInstanceUID")), how, content])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[str(dataset.get("SeriesInstanceUID")), how])
    dataset.ImageType = _derived(dataset.get("ImageType"))
    for group in groups(dataset):  # CTImageFrameTypeSequence and the like hold the image type of each frame
        for inner in (inner for e in group if e.keyword.endswith("FrameTypeSequence") for inner in e.value):
            inner.FrameType = _derived(inner.get("FrameType"))
    dataset.DerivationDescription = "; ".join(filter(None, [str(dataset.get("DerivationDescription") or ""), how]))
    series = f"{dataset.get('SeriesDescription') or ''} enlarged".strip()
    dataset.SeriesDescription = series if len(series) <= 64 else series[-64:]


def _derived(kinds: Any) -> list[str]:
    """An ImageType whose first value is DERIVED; the others are kept."""
    return ["DERIVED", *(([] if isinstance(kinds, str) else list(kinds or [])[1:]) or ["SECONDARY"])]
