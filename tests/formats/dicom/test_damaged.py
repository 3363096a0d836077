"""Headers with one detail that is wrong or missing: the image is made, and the detail told."""

import numpy as np
import pytest

from sr.errors import UserError
from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset  # noqa: E402
from pydicom.pixels import pixel_array  # noqa: E402
from pydicom.uid import ParametricMapStorage  # noqa: E402

from tests.formats.dicom.slices import enlarged, random, save, slice_of  # noqa: E402


@pytest.mark.parametrize(("dtype", "kind"), [(np.int16, "US"), (np.int8, "US"), (np.uint16, "SS")])
def test_least_and_largest_value_get_the_sign_of_the_pixels(tmp_path, nearest, dtype, kind):
    pixels = random(6, 8, 1, dtype=dtype)
    old = slice_of(pixels)
    for keyword in ("SmallestImagePixelValue", "LargestImagePixelValue"):
        old.add_new(keyword, kind, 100)
    new = enlarged(tmp_path, old, nearest)
    assert (new.SmallestImagePixelValue, new.LargestImagePixelValue) == (pixels.min(), pixels.max())
    assert ("SS" if np.dtype(dtype).kind == "i" else "US") == new["SmallestImagePixelValue"].VR


def test_values_that_these_cannot_hold_are_not_told(tmp_path, nearest):
    old = slice_of(np.full((6, 8, 1), 1 << 20, np.uint32))
    old.add_new("LargestImagePixelValue", "US", 100)
    assert "LargestImagePixelValue" not in enlarged(tmp_path, old, nearest)


def with_raw(tmp_path, tag, kind, value):
    """A slice with an element whose bytes are no value of its kind."""
    old = slice_of(random(6, 8, 1), PatientName="A^B")
    element = pydicom.dataelem.RawDataElement(pydicom.tag.Tag(tag), kind, len(value), value, 0, False, True)
    old._dict[element.tag] = element
    return save(tmp_path / "a.dcm", old)


@pytest.mark.parametrize(
    ("tag", "kind", "value", "left"),
    [(0x00181164, "DS", b"a\\b ", "ImagerPixelSpacing"), (0x00181612, "IS", b"no", "RadiusOfCircularShutter"),
     (0x00181610, "IS", b"1\\? ", "CenterOfCircularShutter"), (0x00180050, "DS", b"thick ", None),
     (0x00281050, "DS", b"4,5 ", None), (0x00185100, "CS", b"\xff\xfe", None)],
)  # fmt: skip
def test_one_that_cannot_be_read_is_left_out_or_kept(tmp_path, nearest, tag, kind, value, left):
    """Left out where its value would have to change; otherwise its bytes are kept."""
    note = enlarge_file(with_raw(tmp_path, tag, kind, value), tmp_path / "b.dcm", nearest, Options())
    made = pydicom.dcmread(tmp_path / "b.dcm")
    assert np.array_equal(pixel_array(made), random(6, 8, 1)[..., 0].repeat(2, 0).repeat(2, 1))
    assert (made.PatientName, made.PixelSpacing) == ("A^B", [0.4, 0.25])
    if left is None:
        assert made.get_item(tag).value == value
        assert "damaged" not in note
    else:
        assert tag not in made
        assert f"left out, as damaged: {left}" in note


@pytest.mark.parametrize("keyword", ["SamplesPerPixel", "PhotometricInterpretation", "BitsStored", "HighBit",
                                     "PixelRepresentation"])  # fmt: skip
def test_what_older_files_take_for_granted(tmp_path, nearest, keyword):
    pixels = random(6, 8, 1, dtype=np.uint16, low=0, high=4000)
    old = slice_of(pixels)
    value = old[keyword].value
    del old[keyword]
    note = enlarge_file(save(tmp_path / "a.dcm", old), tmp_path / "b.dcm", nearest, Options())
    made = pydicom.dcmread(tmp_path / "b.dcm")
    assert np.array_equal(pixel_array(made), pixels[..., 0].repeat(2, 0).repeat(2, 1))
    assert made[keyword].value == value
    assert f"taken for granted, as the header does not say it: {keyword} ({value})" in note


def test_a_file_that_does_not_say_of_which_class_it_is(tmp_path, nearest):
    old = slice_of(random(6, 8, 1))
    del old.SOPClassUID, old.SOPInstanceUID
    made = enlarged(tmp_path, old, nearest)
    assert made.SOPClassUID == pydicom.uid.SecondaryCaptureImageStorage
    assert made.SOPInstanceUID.is_valid


@pytest.mark.parametrize(("dtype", "keyword"), [(np.float32, "FloatPixelData"), (np.float64, "DoubleFloatPixelData")])
def test_pixels_that_are_floats(tmp_path, bicubic, dtype, keyword):
    """A parametric map: measured values, one of them missing, and padding at the edge."""
    values = np.random.default_rng(0).normal(0, 1e-3, (2, 12, 10)).astype(dtype)
    values[:, 3, 4], values[:, :, 0] = np.nan, -1  # both are padding in the result
    old = slice_of(values[..., None], SOPClassUID=ParametricMapStorage, NumberOfFrames=2)
    for other in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        del old[other]
    setattr(old, keyword, values.tobytes())
    setattr(old, keyword.replace("Data", "PaddingValue"), -1.0)
    made = enlarged(tmp_path, old, bicubic)
    assert "PixelData" not in made
    got = pixel_array(made)
    assert (got.dtype, got.shape) == (dtype, (2, 24, 20))
    missing = (np.isnan(values) | (values == -1)).repeat(2, 1).repeat(2, 2)
    assert np.array_equal(got == -1, missing)
    shrunk = got.reshape(2, 12, 2, 10, 2).mean((2, 4))[:, 6:, 3:]
    assert np.abs(shrunk - values[:, 6:, 3:]).mean() < 3e-4  # of noise, which no bicubic keeps; it deviates by 1e-3
    assert got.max() <= np.nanmax(values)


def test_more_rows_than_dicom_can_count(tmp_path, nearest):
    old = slice_of(np.zeros((9000, 2, 1), np.uint8))
    with pytest.raises(UserError, match="DICOM holds 65535 rows and columns"):
        enlarge_file(save(tmp_path / "a.dcm", old), tmp_path / "b.dcm", nearest, Options(scale=8))
    assert not (tmp_path / "b.dcm").exists()


def test_a_sequence_that_cannot_be_written_is_left_out(tmp_path, nearest):
    inner = Dataset()
    inner.add_new(0x00280010, "US", 70000)
    old = slice_of(random(6, 8, 1))
    source = save(tmp_path / "a.dcm", old)
    from sr import formats

    with formats.open(source) as file:
        file.dataset.ReferencedImageSequence = [inner]
        with file.writer(tmp_path / "b.dcm", (12, 16), "by hand") as write:
            write(next(file.frames()).repeat(2, 0).repeat(2, 1))
        assert "left out, as damaged: ReferencedImageSequence" in file.notes
    assert pydicom.dcmread(tmp_path / "b.dcm").Rows == 12
