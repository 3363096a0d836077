"""DICOM: what is measured in the larger image is what was measured in the smaller; read back by pydicom itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sr.errors import UserError
from sr.formats import dicom, made_name
from sr.image.resize import imresize
from sr.inference import models
from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

pydicom = pytest.importorskip("pydicom")
from pydicom.data import get_testdata_file  # noqa: E402
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.pixels import pixel_array  # noqa: E402
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid  # noqa: E402


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


@pytest.mark.parametrize("scale", [2, 1.5, 3.3])
def test_the_corners_stay_where_they_are(tmp_path, bicubic, scale):
    old = slice_of(random(20, 30, 1))
    new = enlarged(tmp_path, old, bicubic, Options(scale=scale))
    assert (new.Rows, new.Columns) == (round(20 * scale), round(30 * scale))
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        here, there = (place(d, row * d.Rows - 0.5, column * d.Columns - 0.5) for d in (new, old))
        np.testing.assert_allclose(here, there, atol=1e-9)
    assert [float(x) for x in new.PixelSpacing] == pytest.approx([0.8 * 20 / new.Rows, 0.5 * 30 / new.Columns])


def test_the_centre_of_the_first_pixel_by_hand(tmp_path, nearest):
    new = enlarged(tmp_path, slice_of(random(4, 6, 1)), nearest)
    # A quarter of a pixel back along the row, 0.125 mm, and up the column, 0.2 mm.
    expected = [-100 - 0.125 * 0.6, 50.25 - 0.125 * 0.8, 12.5 + 0.2]
    assert [float(x) for x in new.ImagePositionPatient] == pytest.approx(expected)
    assert new.PixelSpacing == [0.4, 0.25]


def test_decimal_strings_are_as_short_as_the_standard_wants(tmp_path, nearest):
    old = slice_of(random(7, 9, 1), PixelSpacing=["0.666666686534882", "1.23456789e-03"],
                   ImagePositionPatient=["-96.947286467186", "-139.86080286705", "1e-7"])  # fmt: skip
    new = enlarged(tmp_path, old, nearest, Options(scale=1.37))
    assert float(new.PixelSpacing[0]) == pytest.approx(0.666666686534882 * 7 / new.Rows, rel=1e-12)
    raw = (tmp_path / "b.dcm").read_bytes()
    for tag in (b"\x28\x00\x30\x00DS", b"\x20\x00\x32\x00DS"):
        at = raw.index(tag) + 8
        texts = raw[at : at + int.from_bytes(raw[at - 2 : at], "little")].split(b"\\")
        assert len(texts) in (2, 3)
        assert all(len(text.strip()) <= 16 for text in texts), texts


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


def test_it_says_that_it_is_derived_and_from_what(tmp_path, nearest):
    old = slice_of(random(4, 6, 1), SeriesDescription="x" * 64, DerivationDescription="denoised")
    new = enlarged(tmp_path, old, nearest)
    assert list(new.ImageType) == ["DERIVED", "PRIMARY", "AXIAL"]
    assert new.SourceImageSequence[0].ReferencedSOPInstanceUID == old.SOPInstanceUID
    assert new.SourceImageSequence[0].ReferencedSOPClassUID == CTImageStorage
    assert new.DerivationDescription == "denoised; enlarged from 6x4 to 12x8 pixels by nearest"
    assert len(new.SeriesDescription) <= 64
    assert new.StudyInstanceUID == old.StudyInstanceUID
    for uid in (new.SOPInstanceUID, new.SeriesInstanceUID):
        assert UID(uid).is_valid
        assert uid not in (old.SOPInstanceUID, old.SeriesInstanceUID)
    assert new.file_meta.MediaStorageSOPInstanceUID == new.SOPInstanceUID


@pytest.mark.parametrize(("kinds", "made"), [("ORIGINAL", ["DERIVED", "SECONDARY"]), (None, ["DERIVED", "SECONDARY"]),
                                            (["ORIGINAL", "PRIMARY"], ["DERIVED", "PRIMARY"])])  # fmt: skip
def test_image_types_of_any_length(tmp_path, nearest, kinds, made):
    assert list(enlarged(tmp_path, slice_of(random(4, 6, 1), ImageType=kinds), nearest).ImageType) == made


def test_slices_of_a_series_are_one_series_again(tmp_path, nearest, bicubic):
    made = [enlarged(tmp_path, slice_of(random(4, 6, 1)), nearest) for _ in range(3)]
    assert len({data.SeriesInstanceUID for data in made}) == 1
    assert len({data.SOPInstanceUID for data in made}) == 3


def test_other_pixels_have_other_uids_and_equal_ones_the_same(tmp_path, nearest, bicubic):
    old = slice_of(random(6, 6, 1))
    ways = [(nearest, Options()), (bicubic, Options()), (bicubic, Options(back_projections=3)), (nearest, Options())]
    made = [enlarged(tmp_path, old, *way) for way in ways]
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
        first, *others, again = (data[keyword].value for data in made)
        assert first == again
        assert len({first, *others}) == 3


def test_networks_of_one_name_make_no_two_images_of_one_uid(tmp_path, nearest, bicubic):
    old = slice_of(random(6, 6, 1))
    first, second = (enlarged(tmp_path, old, network) for network in (nearest, replace(bicubic, name="nearest")))
    assert first.SOPInstanceUID != second.SOPInstanceUID


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


def multi_frame(frames: int, shared_orientation: bool = True) -> Dataset:
    """An enhanced CT: places in functional groups."""
    data = slice_of(random(frames, 6, 8, 1), NumberOfFrames=frames)
    for keyword in ("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient"):
        del data[keyword]

    def group(sequence, keyword, value):
        inner = Dataset()
        setattr(inner, keyword, value)
        return sequence, [inner]

    def groups(*parts):
        data = Dataset()
        for sequence, value in parts:
            setattr(data, sequence, value)
        return data

    orientation = group("PlaneOrientationSequence", "ImageOrientationPatient", [1, 0, 0, 0, 1, 0])
    shared = [group("PixelMeasuresSequence", "PixelSpacing", [2, 1]), *[orientation] * shared_orientation]
    data.SharedFunctionalGroupsSequence = [groups(*shared)]
    data.PerFrameFunctionalGroupsSequence = [
        groups(group("PlanePositionSequence", "ImagePositionPatient", [0, 10, 5 * k]),
               group("CTImageFrameTypeSequence", "FrameType", ["ORIGINAL", "PRIMARY"]),
               *[orientation] * (not shared_orientation))
        for k in range(frames)
    ]  # fmt: skip
    return data


@pytest.mark.parametrize("shared", [True, False])
def test_each_frame_of_many_keeps_its_place(tmp_path, nearest, shared):
    old = multi_frame(3, shared)
    pixels = pixel_array(old)
    new = enlarged(tmp_path, old, nearest)
    assert new.NumberOfFrames == 3
    assert np.array_equal(pixel_array(new), pixels.repeat(2, 1).repeat(2, 2))
    assert new.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing == [1, 0.5]
    for k, group in enumerate(new.PerFrameFunctionalGroupsSequence):
        position = group.PlanePositionSequence[0].ImagePositionPatient
        assert [float(x) for x in position] == [-0.25, 9.5, 5 * k]
        assert list(group.CTImageFrameTypeSequence[0].FrameType) == ["DERIVED", "PRIMARY"]


def test_what_nested_datasets_say_of_other_images_stays(tmp_path, nearest):
    other = Dataset()
    other.PixelSpacing = [3, 3]
    new = enlarged(tmp_path, slice_of(random(4, 6, 1), ReferencedImageSequence=[other]), nearest)
    assert new.ReferencedImageSequence[0].PixelSpacing == [3, 3]


def test_shutters_cover_what_they_covered(tmp_path, nearest):
    edges = {"ShutterLeftVerticalEdge": 3, "ShutterRightVerticalEdge": 19, "ShutterUpperHorizontalEdge": 1,
             "CenterOfCircularShutter": [10, 8], "RadiusOfCircularShutter": 5,
             "VerticesOfThePolygonalShutter": [1, 2, 1, 18, 9, 9]}  # fmt: skip
    new = enlarged(tmp_path, slice_of(random(20, 20, 1), ShutterShape="RECTANGULAR", **edges), nearest)
    assert abs(new.ShutterLeftVerticalEdge - 5.5) <= 0.5  # between the two new pixels of the third
    assert abs(new.ShutterRightVerticalEdge - 37.5) <= 0.5
    assert abs(new.ShutterUpperHorizontalEdge - 1.5) <= 0.5
    assert np.abs(np.array(new.CenterOfCircularShutter) - (19.5, 15.5)).max() <= 0.5
    assert new.RadiusOfCircularShutter == 10
    assert np.abs(np.array(new.VerticesOfThePolygonalShutter) - (1.5, 3.5, 1.5, 35.5, 17.5, 17.5)).max() <= 0.5


def test_overlays_of_the_old_size_are_left_out(tmp_path, nearest):
    source = get_testdata_file("examples_overlay.dcm", download=False)
    assert (0x6000, 0x3000) in pydicom.dcmread(source)
    enlarge_file(dicom.Path(source), tmp_path / "b.dcm", nearest, Options())
    assert not [tag for tag in pydicom.dcmread(tmp_path / "b.dcm").keys() if tag.group >> 8 == 0x60]  # noqa: SIM118


def test_ultrasound_is_measured_by_its_regions(tmp_path, nearest):
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 2, 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 19, 9
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.05, 0.04
    region.ReferencePixelX0 = region.ReferencePixelY0 = 4
    data = slice_of(random(10, 20, 3, dtype=np.uint8, low=0, high=256), SequenceOfUltrasoundRegions=[region])
    for keyword in ("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient"):
        del data[keyword]
    made = enlarged(tmp_path, data, nearest).SequenceOfUltrasoundRegions[0]
    assert (made.PhysicalDeltaX, made.PhysicalDeltaY) == (0.025, 0.02)
    assert (made.RegionLocationMinX0, made.RegionLocationMinY0) == (4, 0)
    assert (made.RegionLocationMaxX1, made.RegionLocationMaxY1) == (39, 19)  # of 40 and 20
    assert made.ReferencePixelX0 in (8, 9)


@pytest.mark.parametrize(
    "name",
    ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_implicit.dcm",
     "MR_small_bigendian.dcm", "MR_small_padded.dcm"],
)  # fmt: skip
def test_transfer_syntaxes_make_no_difference(tmp_path, bicubic, name):
    made = []
    for file in ("MR_small.dcm", name):
        enlarge_file(dicom.Path(get_testdata_file(file, download=False)), tmp_path / file, bicubic, Options())
        data = pydicom.dcmread(tmp_path / file)
        assert data.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        made.append((pixel_array(data), data.ImagePositionPatient, data.WindowCenter, data.PatientName))
    assert np.array_equal(made[0][0], made[1][0])
    assert made[0][1:] == made[1][1:]


@pytest.mark.parametrize(
    "name", ["SC_rgb_jpeg_dcmtk.dcm", "SC_ybr_full_422_uncompressed.dcm", "SC_rgb_gdcm_KY.dcm", "SC_rgb_rle_2frame.dcm"]
)
def test_colours_come_out_as_rgb(tmp_path, nearest, name):
    source = dicom.Path(get_testdata_file(name, download=False))
    enlarge_file(source, tmp_path / "b.dcm", nearest, Options())
    data = pydicom.dcmread(tmp_path / "b.dcm")
    assert (data.PhotometricInterpretation, data.PlanarConfiguration) == ("RGB", 0)
    expected = pixel_array(pydicom.dcmread(source))
    assert np.array_equal(pixel_array(data), expected.repeat(2, -3).repeat(2, -2))
    assert data.PixelSpacing == [0.5, 0.5]


def refused(tmp_path, source, enlarger) -> str:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError) as error:
        enlarge_file(source, tmp_path / "out.dcm", enlarger, Options())
    assert str(error.value).startswith(f"{source}: ")
    assert "\n" not in str(error.value)
    assert sorted(tmp_path.iterdir()) == before  # nothing half-written
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("examples_palette.dcm", "colours by a table"),
        ("liver_1frame.dcm", "a segmentation"),
        ("rtplan.dcm", "holds no pixels"),
        ("MR_truncated.dcm", "cannot be decoded"),
        ("badVR.dcm", "a damaged header"),
        ("no_meta.dcm", "not DICOM"),
        ("image_dfl.dcm", "how far apart its pixels lie"),
    ],
)
def test_what_cannot_be_enlarged_rightly_is_refused(tmp_path, nearest, name, message):
    assert message in refused(tmp_path, dicom.Path(get_testdata_file(name, download=False)), nearest)


@pytest.mark.parametrize(
    ("keyword", "value", "message"),
    [
        ("PixelSpacing", None, "how far apart its pixels lie"),
        ("Modality", "SEG", "a segmentation"),
        ("TotalPixelMatrixColumns", 4000, "a slide in tiles"),
        ("PhotometricInterpretation", "YBR_PARTIAL_420", "gray, RGB and YBR"),
        ("PhotometricInterpretation", "CMYK", "gray, RGB and YBR"),
        ("Rows", 300, "cannot be decoded"),
    ],
)
def test_one_wrong_element_is_enough(tmp_path, nearest, keyword, value, message):
    source = save(tmp_path / "a.dcm", slice_of(random(4, 6, 1), **{keyword: value}))
    assert message in refused(tmp_path, source, nearest)


def test_other_files_by_that_name_are_refused(tmp_path, nearest):
    for name, content in (("text.dcm", b"no DICOM at all"), ("empty.dcm", b""), ("short.dcm", b"\0" * 128 + b"DICM")):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path, tmp_path / name, nearest)
    whole = save(tmp_path / "whole.dcm", slice_of(random(40, 60, 1))).read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path, tmp_path / "cut.dcm", nearest)


def test_files_without_a_suffix_are_known_by_their_letters(tmp_path, nearest):
    for name in ("IM0001", "1.2.840.113"):
        source = save(tmp_path / name, slice_of(random(4, 6, 1)))
        assert dicom.is_dicom(source)
        assert made_name(source) == f"{name}.dcm"
        enlarge_file(source, tmp_path / made_name(source), nearest, Options())
        assert pydicom.dcmread(tmp_path / f"{name}.dcm").Rows == 8
    (tmp_path / "README").write_text("no DICOM")
    assert not dicom.is_dicom(tmp_path / "README")
    assert not dicom.is_dicom(save(tmp_path / "a.png", slice_of(random(4, 6, 1))))


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
