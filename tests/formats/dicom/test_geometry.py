"""What is measured in the larger image is what was measured in the smaller; read back by pydicom itself."""

import numpy as np
import pytest

from sr import formats
from sr.inference.pixels import Options

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset  # noqa: E402
from pydicom.pixels import pixel_array  # noqa: E402

from tests.formats.dicom.slices import enlarged, place, random, save, slice_of, without_place  # noqa: E402


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


def inside(**elements) -> list[Dataset]:
    data = Dataset()
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    return [data]


def multi_frame(frames: int, shared_orientation: bool = True) -> Dataset:
    """An enhanced CT: places in functional groups."""
    data = without_place(random(frames, 6, 8, 1), NumberOfFrames=frames)
    oriented = {"PlaneOrientationSequence": inside(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])}
    of_all, of_each = (oriented, {}) if shared_orientation else ({}, oriented)
    data.SharedFunctionalGroupsSequence = inside(PixelMeasuresSequence=inside(PixelSpacing=[2, 1]), **of_all)
    data.PerFrameFunctionalGroupsSequence = [
        group for k in range(frames)
        for group in inside(PlanePositionSequence=inside(ImagePositionPatient=[0, 10, 5 * k]),
                            CTImageFrameTypeSequence=inside(FrameType=["ORIGINAL", "PRIMARY"]), **of_each)
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


def of_detector(data) -> Dataset:
    """Nuclear medicine: the position is that of a detector."""
    data.Modality, data.NumberOfFrames = "NM", 1
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.20"
    detector = Dataset()
    detector.ImagePositionPatient, detector.ImageOrientationPatient = [-100, 50.25, 12.5], [0.6, 0.8, 0, 0, 0, -1]
    del data.ImagePositionPatient, data.ImageOrientationPatient
    data.DetectorInformationSequence = [detector]
    return data


def by_gdcm(path) -> tuple[list[float], list[float], list[float]]:
    """Spacing across and down, position and direction of the image, as GDCM reads them."""
    gdcm = pytest.importorskip("gdcm")
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    image = reader.GetImage()
    return image.GetSpacing(), image.GetOrigin(), image.GetDirectionCosines()


@pytest.mark.parametrize("kind", [lambda data: data, of_detector], ids=["CT", "NM"])
def test_gdcm_finds_the_corner_where_it_was(tmp_path, nearest, kind):
    enlarged(tmp_path, kind(slice_of(random(4, 6, 1, dtype=np.uint16, low=0))), nearest)
    corners = []
    for name in ("a.dcm", "b.dcm"):
        spacing, origin, cosines = (np.array(x) for x in by_gdcm(tmp_path / name))
        corners.append(origin - spacing[0] / 2 * cosines[:3] - spacing[1] / 2 * cosines[3:])
    assert spacing[:2] == pytest.approx([0.25, 0.4])
    np.testing.assert_allclose(*corners, atol=1e-6)


def test_radiotherapy_images_lie_in_the_plane_of_the_receptor(tmp_path, nearest):
    old = without_place(random(4, 6, 1), Modality="RTIMAGE", ImagePlanePixelSpacing=[0.8, 0.5],
                        RTImagePosition=[-100, 50])  # fmt: skip
    new = enlarged(tmp_path, old, nearest)
    assert [float(x) for x in new.ImagePlanePixelSpacing] == [0.4, 0.25]
    # Rows go along X, columns down against Y: the first centre moves 0.125 mm left, and 0.2 mm up.
    assert [float(x) for x in new.RTImagePosition] == pytest.approx([-100.125, 50.2])


def test_enhanced_ultrasound_volumes_and_angiograms_say_their_place_in_groups(tmp_path, nearest):
    old = without_place(random(2, 6, 8, 1), NumberOfFrames=2)
    old.SharedFunctionalGroupsSequence = inside(
        PixelMeasuresSequence=inside(PixelSpacing=[2, 1]),
        PlaneOrientationVolumeSequence=inside(ImageOrientationVolume=[1.0, 0, 0, 0, 1, 0]),
        FramePixelDataPropertiesSequence=inside(ImagerPixelSpacing=[0.4, 0.2]),
        FrameDisplayShutterSequence=inside(ShutterShape="RECTANGULAR", ShutterRightVerticalEdge=8),
    )
    old.PerFrameFunctionalGroupsSequence = [
        *inside(PlanePositionVolumeSequence=inside(ImagePositionVolume=[0.0, 10, 5]),
                ProjectionPixelCalibrationSequence=inside(ObjectPixelSpacingInCenterOfBeam=[0.5, 0.25]),
                FramePixelShiftSequence=inside(MaskSubPixelShift=[1.5, -0.5])),
        *inside(PlanePositionVolumeSequence=inside(ImagePositionVolume=[0.0, 10, 9])),
    ]  # fmt: skip
    new = enlarged(tmp_path, old, nearest)
    shared, (first, second) = new.SharedFunctionalGroupsSequence[0], new.PerFrameFunctionalGroupsSequence
    assert shared.PixelMeasuresSequence[0].PixelSpacing == [1, 0.5]
    assert shared.FramePixelDataPropertiesSequence[0].ImagerPixelSpacing == [0.2, 0.1]
    assert shared.FrameDisplayShutterSequence[0].ShutterRightVerticalEdge in (15, 16)
    assert first.PlanePositionVolumeSequence[0].ImagePositionVolume == [-0.25, 9.5, 5]
    assert second.PlanePositionVolumeSequence[0].ImagePositionVolume == [-0.25, 9.5, 9]
    assert first.ProjectionPixelCalibrationSequence[0].ObjectPixelSpacingInCenterOfBeam == [0.25, 0.125]
    assert first.FramePixelShiftSequence[0].MaskSubPixelShift == [3, -1]


def test_a_spacing_of_all_frames_is_found_before_any_frame_is_decoded(tmp_path):
    with formats.open(save(tmp_path / "a.dcm", multi_frame(2))) as file:
        assert file.spacing == (2, 1)
        assert file.dataset.get_item("PerFrameFunctionalGroupsSequence").is_raw


@pytest.mark.parametrize(
    "says",
    [{"ImagePlanePixelSpacing": [0.5, 0.5]}, {"ALinePixelSpacing": 0.005},
     {"SharedFunctionalGroupsSequence":
      inside(FramePixelDataPropertiesSequence=inside(ImagerPixelSpacing=[0.4, 0.2]))},
     {"TwoDimensionalToThreeDimensionalMapSequence":
      inside(TwoDimensionalToThreeDimensionalMapData=np.float32([3, 2, 1, 1, 1]).tobytes())}],
    ids=["RT image", "intravascular OCT", "enhanced XA", "eye"],
)  # fmt: skip
def test_a_spacing_is_found_wherever_it_is_said(tmp_path, nearest, says):
    new = enlarged(tmp_path, without_place(random(4, 6, 1), **says), nearest)
    if "TwoDimensionalToThreeDimensionalMapSequence" in new:
        points = new.TwoDimensionalToThreeDimensionalMapSequence[0].TwoDimensionalToThreeDimensionalMapData
        assert np.frombuffer(points, "<f4").tolist() == [6, 4, 1, 1, 1]


@pytest.mark.parametrize("scale", [2, 1.5])
def test_doppler_and_m_mode_are_measured_by_their_reference(tmp_path, nearest, scale):
    places = {"DopplerSampleVolumeXPosition": 3, "DopplerSampleVolumeYPosition": -2, "TMLinePositionX0": -4,
              "TMLinePositionY0": 1, "TMLinePositionX1": 5, "TMLinePositionY1": 4}  # fmt: skip
    bounds = {"RegionLocationMinX0": 2, "RegionLocationMinY0": 4, "RegionLocationMaxX1": 17, "RegionLocationMaxY1": 11}
    old = without_place(random(12, 20, 3, dtype=np.uint8, low=0, high=256), SequenceOfUltrasoundRegions=inside(
        ReferencePixelX0=6, ReferencePixelY0=3, ReferencePixelPhysicalValueX=0.5, ReferencePixelPhysicalValueY=-3.0,
        PhysicalUnitsXDirection=4, PhysicalUnitsYDirection=7, PhysicalDeltaX=0.01, PhysicalDeltaY=-0.2,
        **bounds, **places))  # fmt: skip
    new = enlarged(tmp_path, old, nearest, Options(scale=scale))
    before, after = old.SequenceOfUltrasoundRegions[0], new.SequenceOfUltrasoundRegions[0]

    def value(region, axis, x):  # of the picture's coordinate x, from its outer corner, in seconds or centimetres
        reference = region[f"RegionLocationMin{axis}0"].value + region[f"ReferencePixel{axis}0"].value + 0.5
        return (
            region[f"ReferencePixelPhysicalValue{axis}"].value + (x - reference) * region[f"PhysicalDelta{axis}"].value
        )

    for axis in "XY":
        for x in (0, 7, 11.5):
            assert value(after, axis, x * scale) == pytest.approx(value(before, axis, x))
    for name, displacement in places.items():
        axis = "X" if "X" in name else "Y"
        old_at, new_at = (
            region[f"RegionLocationMin{axis}0"].value + region[f"ReferencePixel{axis}0"].value + moved + 0.5
            for region, moved in ((before, displacement), (after, after[name].value))
        )
        assert abs(new_at - old_at * scale) <= 0.5


def test_pixels_that_are_not_square_keep_their_shape(tmp_path, nearest):
    old = slice_of(random(3, 6, 1), PixelAspectRatio=[4, 3])
    new = enlarged(tmp_path, old, nearest, Options(scale=1.5))  # 4 of 3 rows, 9 of 6 columns
    down, across = new.PixelAspectRatio
    assert down * new.Rows / (across * new.Columns) == pytest.approx(4 * 3 / (3 * 6), rel=1e-3)
