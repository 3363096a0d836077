"""A CT slice that tests write, enlarge and read back by pydicom itself."""

import numpy as np
import pytest

from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid  # noqa: E402


def slice_of(pixels, **more) -> Dataset:
    """A CT slice, tilted, of pixels that are not square."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.SeriesInstanceUID, data.StudyInstanceUID, data.Modality = "1.2.3.4", "1.2.3", "CT"
    data.Rows, data.Columns = pixels.shape[-3:-1]
    data.SamplesPerPixel = pixels.shape[-1]
    data.PhotometricInterpretation = "RGB" if pixels.shape[-1] == 3 else "MONOCHROME2"
    if pixels.shape[-1] == 3:
        data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelSpacing = [0.8, 0.5]
    data.ImagePositionPatient = [-100, 50.25, 12.5]
    data.ImageOrientationPatient = [0.6, 0.8, 0, 0, 0, -1]
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.PixelData = pixels.tobytes()
    if pixels.dtype.itemsize == 1:
        data["PixelData"].VR = "OB"
    for keyword, value in more.items():
        setattr(data, keyword, value)
    return data


def without_place(pixels, **more) -> Dataset:
    """A CT slice that does not say where it lies, nor how far apart its pixels do."""
    data = slice_of(pixels, **more)
    for keyword in ("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient"):
        del data[keyword]
    return data


def random(*shape, dtype=np.int16, low=-900, high=1800):
    return np.random.default_rng(0).integers(low, high, shape).astype(dtype)


def save(path, data):
    data.save_as(path, enforce_file_format=True)
    return path


def enlarged(tmp_path, data, enlarger, options=None) -> Dataset:
    enlarge_file(save(tmp_path / "a.dcm", data), tmp_path / "b.dcm", enlarger, options or Options())
    return pydicom.dcmread(tmp_path / "b.dcm")


def place(data, row, column) -> np.ndarray:
    """Of the centre of a pixel, in the patient (PS3.3, equation C.7.6.2.1-1)."""
    cosines = np.array(data.ImageOrientationPatient, float).reshape(2, 3)
    down, across = (float(x) for x in data.PixelSpacing)
    return np.array(data.ImagePositionPatient, float) + column * across * cosines[0] + row * down * cosines[1]
