import pytest

from sr.formats import is_dicom, made_name
from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

pydicom = pytest.importorskip("pydicom")

from tests.formats.dicom.slices import random, save, slice_of  # noqa: E402


def test_files_without_a_suffix_are_known_by_their_letters(tmp_path, nearest):
    for name in ("IM0001", "1.2.840.113"):
        source = save(tmp_path / name, slice_of(random(4, 6, 1)))
        assert is_dicom(source)
        assert made_name(source) == f"{name}.dcm"
        enlarge_file(source, tmp_path / made_name(source), nearest, Options())
        assert pydicom.dcmread(tmp_path / f"{name}.dcm").Rows == 8
    (tmp_path / "README").write_text("no DICOM")
    assert not is_dicom(tmp_path / "README")
    assert not is_dicom(save(tmp_path / "a.png", slice_of(random(4, 6, 1))))
