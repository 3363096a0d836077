from pathlib import Path

import numpy as np
import pytest

from sr.formats import NoImage, is_dicom, is_known, made_name, open
from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

pydicom = pytest.importorskip("pydicom")
from pydicom.data import get_testdata_file  # noqa: E402
from pydicom.pixels import pixel_array  # noqa: E402

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


@pytest.mark.parametrize("name", ["IM1.MR", "a.dic", "CT.001", "a.img"])
def test_what_scanners_call_their_files(tmp_path, nearest, name):
    source = save(tmp_path / name, slice_of(random(4, 6, 1)))
    assert is_known(source)
    assert made_name(source, "_x2") == f"{name}_x2.dcm"  # one scanner's CT.001 and CT.002 stay apart
    enlarge_file(source, tmp_path / f"{name}_x2.dcm", nearest, Options())
    assert pydicom.dcmread(tmp_path / f"{name}_x2.dcm").Rows == 8


@pytest.mark.parametrize("name", ["MR_small_implicit.dcm", "MR_small.dcm", "MR_small_bigendian.dcm"])
def test_without_a_preamble(tmp_path, nearest, name):
    """Nor with anything that says how it is written."""
    data = pydicom.dcmread(get_testdata_file(name, download=False))
    syntax, data.preamble, data.file_meta = data.file_meta.TransferSyntaxUID, None, pydicom.dataset.FileMetaDataset()
    source = tmp_path / "IM1"
    data.save_as(source, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    assert b"DICM" not in source.read_bytes()
    assert is_known(source)
    enlarge_file(source, tmp_path / "b.dcm", nearest, Options())
    data.file_meta.TransferSyntaxUID = syntax
    expected = pixel_array(data).repeat(2, -2).repeat(2, -1)
    assert np.array_equal(pixel_array(pydicom.dcmread(tmp_path / "b.dcm")), expected)


@pytest.mark.parametrize("name", ["ExplVR_LitEndNoMeta.dcm", "ExplVR_BigEndNoMeta.dcm"])
def test_plans_without_a_preamble(name):
    with pytest.raises(NoImage, match="no image, but RT Ion Plan"):
        open(Path(get_testdata_file(name, download=False)))


def test_what_only_looks_alike_is_not_dicom(tmp_path):
    for i, content in enumerate(
        (
            b"",
            b"\x08\x00",
            bytes(200),
            b"BM" + bytes(200),
            b"\x08\x00\x05\x00zz" + bytes(200),
            b"\x89PNG\r\n\x1a\n" + bytes(200),
            b"\x08\x00\x05\x00\xff\xff\xff\xff" + bytes(200),
        )
    ):
        (tmp_path / str(i)).write_bytes(content)
        assert not is_known(tmp_path / str(i)), content[:8]
