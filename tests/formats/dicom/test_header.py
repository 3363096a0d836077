from pathlib import Path

import pytest

from sr.errors import UserError
from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

pydicom = pytest.importorskip("pydicom")
from pydicom.data import get_testdata_file  # noqa: E402

from tests.formats.dicom.slices import random, save, slice_of  # noqa: E402


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
        ("examples_palette.dcm", "indices into a palette"),
        ("liver_1frame.dcm", "a segmentation"),
        ("rtplan.dcm", "holds no pixels"),
        ("MR_truncated.dcm", "cannot be decoded"),
        ("badVR.dcm", "a damaged header"),
        ("no_meta.dcm", "not DICOM"),
        ("image_dfl.dcm", "how far apart its pixels lie"),
    ],
)
def test_what_cannot_be_enlarged_rightly_is_refused(tmp_path, nearest, name, message):
    assert message in refused(tmp_path, Path(get_testdata_file(name, download=False)), nearest)


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
