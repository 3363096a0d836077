import logging
import warnings

import numpy as np
import pytest

from sr.inference.warned import captured
from sr.upscale import main


def test_warnings_and_logs_of_libraries_become_lines_once_each(capsys):
    with captured() as said:
        for _ in range(2):
            logging.getLogger("tifffile").warning("a tag\nis %s", "odd")
            warnings.warn_explicit("is too long. Please see <https://dicom>", UserWarning, "/x/pydicom/values.py", 7)
    assert said == ["tifffile: a tag is odd", "pydicom: is too long"]
    assert capsys.readouterr() == ("", "")


def test_many_are_counted_and_long_ones_cut():
    with captured() as said:
        for i in range(9):
            logging.getLogger("nibabel.global").error("%d" + "x" * 500, i)
    assert [line[:10] for line in said[:3]] == ["nibabel: 0", "nibabel: 1", "nibabel: 2"]
    assert all(len(line) <= 220 for line in said)
    assert said[3:] == ["and 6 more like that"]


def test_warnings_of_others_are_shown_as_ever():
    with pytest.warns(UserWarning, match="ours"), captured() as said:
        warnings.warn("ours", UserWarning, stacklevel=1)
    assert said == []


def test_after_an_error_all_is_as_before():
    before = logging.getLogger("pydicom").propagate, list(logging.getLogger("pydicom").handlers)
    with pytest.raises(ValueError, match="no"), captured():
        raise ValueError("no")
    assert (logging.getLogger("pydicom").propagate, list(logging.getLogger("pydicom").handlers)) == before


def test_the_command_tells_them_in_the_line_of_the_file(tmp_path, capfd):
    pytest.importorskip("pydicom")
    from tests.formats.dicom.slices import random, save, slice_of

    old = slice_of(random(6, 8, 1))
    old.PixelData = old.PixelData + bytes(40)  # which pydicom warns of
    save(tmp_path / "a.dcm", old)
    assert main([str(tmp_path / "a.dcm"), "-o", str(tmp_path / "out"), "--model", "nearest", "--scale", "2"]) == 0
    told = capfd.readouterr()
    line = next(line for line in told.out.splitlines() if "a_x2.dcm" in line)
    assert "; pydicom: The pixel data is 136 bytes long" in line
    assert "pydicom" not in told.err


def test_of_a_volume_too(tmp_path, capfd):
    nib = pytest.importorskip("nibabel")
    nib.save(nib.Nifti1Image(np.ones((6, 5, 4), np.int16) * 7, np.eye(4)), tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[108:112] = np.float32(356).tobytes()  # where the voxels begin, usually a multiple of 16
    (tmp_path / "a.nii").write_bytes(content[:352] + bytes(4) + content[352:])
    assert main([str(tmp_path / "a.nii"), "-o", str(tmp_path / "out"), "--model", "nearest", "--scale", "2"]) == 0
    told = capfd.readouterr()
    assert "nibabel: vox offset" in next(line for line in told.out.splitlines() if "a_x2.nii" in line)
    assert "vox offset" not in told.err
