from dataclasses import replace

import pytest

from sr.inference.pixels import Options

pydicom = pytest.importorskip("pydicom")
from pydicom.uid import UID, CTImageStorage  # noqa: E402

from tests.formats.dicom.slices import enlarged, random, slice_of  # noqa: E402


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
