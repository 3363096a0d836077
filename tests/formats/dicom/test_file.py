from pathlib import Path

import numpy as np
import pytest
import torch

from sr.formats import Unreadable
from sr.image.resize import imresize
from sr.inference import models
from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

pydicom = pytest.importorskip("pydicom")
from pydicom.data import get_testdata_file  # noqa: E402
from pydicom.pixels import pixel_array  # noqa: E402
from pydicom.uid import ExplicitVRLittleEndian  # noqa: E402

from tests.formats.dicom.slices import enlarged, place, random, save, slice_of  # noqa: E402


def test_hounsfield_units_are_those_of_the_bicubic(tmp_path, bicubic):
    pixels = random(16, 18, 1, dtype=np.uint16, low=0, high=4096)
    old = slice_of(pixels, RescaleSlope=0.5, RescaleIntercept=-1024, BitsStored=12, HighBit=11,
                   WindowCenter=40, WindowWidth=400)  # fmt: skip
    new = enlarged(tmp_path, old, bicubic)
    units = pydicom.pixels.apply_rescale(pixel_array(new), new)
    source = torch.from_numpy(pixels[..., 0] * 0.5 - 1024)
    expected = imresize(source, 2).clamp(source.min(), source.max()).numpy()
    np.testing.assert_allclose(units, expected, atol=0.26)  # half of a stored level
    assert (new.RescaleSlope, new.RescaleIntercept) == (0.5, -1024)
    assert (new.WindowCenter, new.WindowWidth) == (40, 400)
    assert (new.BitsStored, new.HighBit, new.PixelRepresentation) == (12, 11, 0)
    assert pixel_array(new).max() <= pixels.max()  # within 12 bits


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32])
@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
def test_stored_values_of_any_type_are_enlarged_as_they_are(tmp_path, nearest, dtype, kind):
    ends = np.iinfo(dtype)
    pixels = np.random.default_rng(0).integers(ends.min, ends.max, (5, 7, 1), dtype, endpoint=True)  # an odd length too
    new = enlarged(tmp_path, slice_of(pixels, PhotometricInterpretation=kind), nearest)
    assert new.PhotometricInterpretation == kind
    made = pixel_array(new)
    assert made.dtype == dtype
    off = np.abs(made.astype(np.int64) - pixels[..., 0].repeat(2, 0).repeat(2, 1)).max()
    assert off <= (2**9 if np.dtype(dtype).itemsize == 4 else 0)  # networks compute with 24 bits


@pytest.mark.parametrize("written", [-2000, 63536])  # some write it as if it had no sign
def test_padding_stays_padding_and_bleeds_into_nothing(tmp_path, bicubic, written):
    pixels = np.full((12, 14, 1), 100, np.int16)
    pixels[0, 0], pixels[0, 1] = 99, 101  # something to see
    pixels[6:, 5:9] = -2000
    data = slice_of(pixels, PixelPaddingValue=-2000)
    data["PixelPaddingValue"].VR = "SS" if written < 0 else "US"
    data["PixelPaddingValue"].value = written
    new = enlarged(tmp_path, data, bicubic)
    made, padded = pixel_array(new), (pixels[..., 0] == -2000).repeat(2, 0).repeat(2, 1)
    assert np.array_equal(made == -2000, padded)
    assert (made[6:][~padded[6:]] == 100).all()
    assert new.PixelPaddingValue == written


def test_a_range_of_padding(tmp_path, bicubic):
    pixels = np.full((12, 14, 1), 1000, np.uint16)
    pixels[0, 0] = 1001
    pixels[6, 5], pixels[6, 6] = 0, 7
    made = pixel_array(enlarged(tmp_path, slice_of(pixels, PixelPaddingValue=7, PixelPaddingRangeLimit=0), bicubic))
    assert (made[12:14, 10:14] == 7).all()
    assert made[14:].min() == made[:12].min() == 1000


def test_colours_know_no_padding(tmp_path, nearest):
    pixels = random(6, 7, 3, dtype=np.uint8, low=0, high=3)
    made = pixel_array(enlarged(tmp_path, slice_of(pixels, PixelPaddingValue=0), nearest))
    assert np.array_equal(made, pixels.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
    "name",
    ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_implicit.dcm",
     "MR_small_bigendian.dcm", "MR_small_padded.dcm"],
)  # fmt: skip
def test_transfer_syntaxes_make_no_difference(tmp_path, bicubic, name):
    made = []
    for file in ("MR_small.dcm", name):
        enlarge_file(Path(get_testdata_file(file, download=False)), tmp_path / file, bicubic, Options())
        data = pydicom.dcmread(tmp_path / file)
        assert data.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        made.append((pixel_array(data), data.ImagePositionPatient, data.WindowCenter, data.PatientName))
    assert np.array_equal(made[0][0], made[1][0])
    assert made[0][1:] == made[1][1:]


@pytest.mark.parametrize(
    "name", ["SC_rgb_jpeg_dcmtk.dcm", "SC_ybr_full_422_uncompressed.dcm", "SC_rgb_gdcm_KY.dcm", "SC_rgb_rle_2frame.dcm"]
)
def test_colours_come_out_as_rgb(tmp_path, nearest, name):
    source = Path(get_testdata_file(name, download=False))
    enlarge_file(source, tmp_path / "b.dcm", nearest, Options())
    data = pydicom.dcmread(tmp_path / "b.dcm")
    assert (data.PhotometricInterpretation, data.PlanarConfiguration) == ("RGB", 0)
    expected = pixel_array(pydicom.dcmread(source))
    assert np.array_equal(pixel_array(data), expected.repeat(2, -3).repeat(2, -2))
    assert data.PixelSpacing == [0.5, 0.5]


@pytest.mark.parametrize("name", ["ct_lidc0314_slice130", "mr_t1_studyforrest_slice235", "pydicom_CT_small"])
def test_real_slices(samples, tmp_path, name):
    source = samples / "medical" / f"{name}.dcm"
    enlarge_file(source, tmp_path / "b.dcm", models.load("fast_x2"), Options())
    old, new = pydicom.dcmread(source), pydicom.dcmread(tmp_path / "b.dcm")
    before, after = pixel_array(old), pixel_array(new)
    assert after.shape == tuple(2 * n for n in before.shape)
    for row, column in ((0, 0), (1, 1)):
        here, there = (place(d, row * d.Rows - 0.5, column * d.Columns - 0.5) for d in (new, old))
        np.testing.assert_allclose(here, there, atol=1e-6)
    assert before.min() <= after.min()
    assert after.max() <= before.max()
    shrunk = after.reshape(before.shape[0], 2, before.shape[1], 2).mean((1, 3))
    assert np.abs(shrunk - before).mean() < 0.1 * before.std()
    changed = {e.keyword for e in new if not e.tag.is_private and (e.tag not in old or old[e.tag].value != e.value)}
    assert changed <= {"Rows", "Columns", "PixelData", "PixelSpacing", "ImagePositionPatient", "SOPInstanceUID",
                       "SeriesInstanceUID", "SeriesDescription", "ImageType", "SourceImageSequence",
                       "DerivationDescription", "SmallestImagePixelValue", "LargestImagePixelValue"}  # fmt: skip
    assert {e.tag for e in old if e.tag.element} <= {e.tag for e in new}


@pytest.mark.parametrize("error", [type("Panic", (BaseException,), {}), MemoryError, KeyboardInterrupt])
def test_a_decoder_that_panics_is_told(tmp_path, nearest, monkeypatch, error):
    source = save(tmp_path / "a.dcm", slice_of(random(4, 6, 1)))

    def panics(_):
        raise error("index out of bounds")

    monkeypatch.setattr("pydicom.pixels.pixel_array", panics)
    with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else Unreadable, match="index out of bounds"):
        enlarge_file(source, tmp_path / "b.dcm", nearest, Options())
