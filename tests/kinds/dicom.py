"""DICOM: objects of hospitals by what they are, and how their pixels are packed."""

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from shutil import copy
from typing import Any

import numpy as np

from tests.corpus import Sample

# Of the files that pydicom's wheel holds: every transfer syntax, and colours as they are packed
PACKED = (
    "MR_small", "MR_small_RLE", "MR_small_jp2klossless", "MR_small_jpeg_ls_lossless", "MR_small_implicit",
    "MR_small_bigendian", "MR_small_expb", "CT_small", "693_J2KI", "examples_overlay",
    "SC_rgb_jpeg_dcmtk", "SC_rgb_rle", "SC_rgb_rle_2frame", "SC_rgb_rle_16bit", "SC_rgb_gdcm_KY", "SC_rgb_small_odd",
    "SC_rgb_small_odd_big_endian", "SC_ybr_full_422_uncompressed",
)  # fmt: skip
REFUSED = {
    "rtplan": "no image, but RT Plan", "MR_truncated": "cannot be decoded", "rtdose_1frame": "a dose distribution",
    "image_dfl": "does not say how far apart its pixels lie",
}  # fmt: skip
LABELS = {"examples_palette": "indices into a palette", "liver_1frame": "a segmentation"}
SIZE = (12, 16, 1)
CR, ENHANCED_CT, RT_IMAGE, ULTRASOUND = "1", "2.1", "481.1", "6.1"  # SOP classes (PS3.4, B.5)


def _copied(path: Path, name: str) -> None:
    from pydicom.data import get_testdata_file

    copy(str(get_testdata_file(f"{name}.dcm", download=False)), path)


def _saved(path: Path, make: Callable[[], Any]) -> None:
    from tests.formats.dicom.slices import save

    save(path, make())


def _packed_by_pydicom(path: Path, syntax: str) -> None:
    import pydicom.uid
    from pydicom.dataset import Dataset

    from tests.formats.dicom.slices import random, slice_of

    data: Dataset = slice_of(random(*SIZE))
    if syntax == "RLELossless":
        data.compress(pydicom.uid.RLELossless)
    else:
        data.file_meta.TransferSyntaxUID = getattr(pydicom.uid, syntax)
    data.save_as(path, enforce_file_format=True)


def samples() -> Iterator[Sample]:
    if find_spec("pydicom") is None:
        return
    for name in PACKED:
        yield Sample(f"dicom/{name}.dcm", partial(_copied, name=name))
    for name, why in REFUSED.items():
        yield Sample(f"dicom/{name}.dcm", partial(_copied, name=name), refused=why)
    for name, why in LABELS.items():
        yield Sample(f"dicom/{name}.dcm", partial(_copied, name=name), told=(f"labels ({why}), by nearest",))
    for syntax in ("DeflatedExplicitVRLittleEndian", "ImplicitVRLittleEndian", "RLELossless"):
        yield Sample(f"dicom/{syntax}.dcm", partial(_packed_by_pydicom, syntax=syntax))
    for name, make, says, more in _made():
        yield Sample(f"dicom/{name}", partial(_saved, make=make), says, **more)


def _made() -> Iterator[tuple[str, Callable[[], Any], dict[str, Any], dict[str, Any]]]:
    from tests.formats.dicom.slices import random, slice_of, without_place
    from tests.formats.dicom.test_geometry import inside, multi_frame, of_detector
    from tests.formats.dicom.test_overlays import drawn

    gray, bytes_ = partial(random, *SIZE), partial(random, dtype=np.uint8, low=0, high=256)
    unsigned = partial(random, *SIZE, dtype=np.uint16, low=0, high=4096)
    window = {"WindowCenter": "40", "WindowWidth": "400", "RescaleSlope": "2", "RescaleIntercept": "-1024"}
    yield "ct.dcm", lambda: slice_of(gray(), **window), {"WindowCenter": 40, "RescaleIntercept": -1024}, {}
    yield "IM0001", lambda: slice_of(gray()), {}, {}
    yield "1.2.840.7", lambda: slice_of(gray()), {}, {}
    yield "slice.ima", lambda: slice_of(gray()), {}, {}
    yield "twelve_bits.dcm", lambda: slice_of(unsigned(), BitsStored=12, HighBit=11), {"BitsStored": 12}, {}
    yield "inverted.dcm", lambda: slice_of(unsigned(), PhotometricInterpretation="MONOCHROME1"), {}, {}
    yield "padded.dcm", lambda: _padded(slice_of, gray()), {"PixelPaddingValue": -2000}, {}
    words = {"PatientName": "Müller^Jörg", "SpecificCharacterSet": "ISO_IR 192", "PatientComments": "vom Montag"}
    yield "words.dcm", lambda: slice_of(gray(), **words), {"PatientComments": "vom Montag"}, {}
    yield "detector.dcm", lambda: _of(CR, without_place(
        unsigned(), Modality="CR", ImagerPixelSpacing=[0.2, 0.1])), {
        "ImagerPixelSpacing times size": [2.4, 1.6]}, {}  # fmt: skip
    yield "frames.dcm", lambda: _of(ENHANCED_CT, multi_frame(3)), {"size of frames": [12, 8]}, {}
    yield "nuclear.dcm", lambda: of_detector(slice_of(unsigned())), {}, {}
    yield "receptor.dcm", lambda: _of(RT_IMAGE, without_place(
        unsigned(), Modality="RTIMAGE", RTImagePosition=[-100, 50], ImagePlanePixelSpacing=[0.8, 0.5])), {
        "ImagePlanePixelSpacing times size": [9.6, 8.0]}, {}  # fmt: skip
    yield "overlay.dcm", lambda: drawn(slice_of(gray())), {}, {}
    region = {"RegionSpatialFormat": 1, "RegionDataType": 1, "RegionFlags": 0, "PhysicalUnitsXDirection": 3,
              "PhysicalUnitsYDirection": 3, "PhysicalDeltaX": 0.05, "PhysicalDeltaY": 0.04, "RegionLocationMinX0": 0,
              "RegionLocationMinY0": 0, "RegionLocationMaxX1": 15, "RegionLocationMaxY1": 11}  # fmt: skip
    yield "ultrasound.dcm", lambda: _of(ULTRASOUND, without_place(
        bytes_(12, 16, 3), SequenceOfUltrasoundRegions=inside(**region))), {}, {}  # fmt: skip
    yield "photograph.dcm", lambda: without_place(bytes_(12, 16, 3)), {}, {"refused": "does not say how far apart"}
    given = {"options": {"spacing": (0.3, 0.3)}, "lost": ("PixelSpacing times size",)}
    yield "given.dcm", lambda: without_place(bytes_(12, 16, 3)), {"PixelSpacing times size": [3.6, 4.8]}, given
    yield "slide.dcm", lambda: slice_of(gray(), TotalPixelMatrixColumns=4000), {}, {"refused": "a slide in tiles"}
    signed = {"told": ("digital signatures of the source are left out",), "lost": ("DigitalSignaturesSequence",)}
    yield "signed.dcm", lambda: slice_of(gray(), DigitalSignaturesSequence=inside(MACIDNumber=1)), {}, signed


def _of(kind: str, data: Any) -> Any:
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = f"1.2.840.10008.5.1.4.1.1.{kind}"
    return data


def _padded(slice_of: Callable[..., Any], pixels: np.ndarray) -> Any:
    pixels[:4] = -2000
    return slice_of(pixels, PixelPaddingValue=-2000)
