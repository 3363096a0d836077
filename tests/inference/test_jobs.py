"""A list of files: what clashes, what is no image and what fails costs the others nothing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sr.upscale import main


@pytest.fixture
def upscale(tmp_path):
    def run(*inputs) -> int:
        return main([*map(str, inputs), "-o", str(tmp_path / "out"), "--model", "nearest", "--scale", "2"])

    return run


def picture(path):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full((6, 8, 3), 60, np.uint8)).save(path)
    return path


def test_two_files_for_one_place_stop_only_these_two(tmp_path, upscale, capsys):
    names = [f"{folder}/{name}.png" for folder in "ab" for name in ("one", f"only_{folder}")]
    assert upscale(*[picture(tmp_path / name) for name in names]) == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["only_a_x2.png", "only_b_x2.png"]
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("failed"))
    assert line == (f"failed: {tmp_path}/a/one.png and {tmp_path}/b/one.png would both become "
                    f"{tmp_path}/out/one_x2.png; enlarge them one by one")  # fmt: skip


def test_what_lies_in_a_folder_of_a_hospital(tmp_path, upscale, capsys):
    pydicom = pytest.importorskip("pydicom")
    from tests.formats.dicom.slices import random, save, slice_of

    study = tmp_path / "study"
    study.mkdir()
    for name in ("IM1", "IM2.MR"):
        save(study / name, slice_of(random(6, 8, 1)))
    for name in ("DICOMDIR", "reportsi.dcm", "rtplan.dcm"):
        found = Path(pydicom.data.get_testdata_file(name, download=False))
        (study / name).write_bytes(found.read_bytes())
    (study / "notes.txt").write_text("of the radiologist")
    assert upscale(study) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["IM1.dcm", "IM2.MR.dcm"]
    told = capsys.readouterr()
    assert "failed" not in told.err
    at = told.out.splitlines().index("left out, as they hold no image (3 of 5):")
    assert [line.split(": ", 1)[1] for line in told.out.splitlines()[at + 1 :]] == [
        "no image, but Media Storage Directory", "no image, but Basic Text SR", "no image, but RT Plan"]  # fmt: skip

    assert upscale(study / "rtplan.dcm") == 1  # nothing else was asked for
    assert "none of these files holds an image" in capsys.readouterr().err


def test_an_image_whose_pixels_are_gone_is_a_failure(tmp_path, upscale, capsys):
    pytest.importorskip("pydicom")
    from tests.formats.dicom.slices import random, save, slice_of

    old = slice_of(random(6, 8, 1))
    del old.PixelData
    assert upscale(save(tmp_path / "a.dcm", old), picture(tmp_path / "b.png")) == 1
    assert "a.dcm: holds no pixels" in capsys.readouterr().err
