"""`python -m sr.degradations`, in this process."""

import json

import numpy as np
import pytest
from PIL import Image

from sr.degradations.__main__ import main


def test_a_sheet_of_a_preset_that_is_changed_on_the_way(photo, tmp_path, capsys):
    sheet = tmp_path / "sheet.png"
    assert main(["preview", str(photo), "-o", str(sheet), "degradation=mild", "scale=2", "--draws", "3"]) == 0
    assert capsys.readouterr().out == f"{sheet}\n"
    plain = np.asarray(Image.open(sheet))
    assert plain.std() > 10
    assert main(["preview", "degradation=mild", str(photo), "scale=2", "degradation.steps.jpeg.quality=[1,1]",
                 "-o", str(sheet), "--draws", "3"]) == 0  # fmt: skip
    assert (np.asarray(Image.open(sheet)) != plain).any()
    assert main(["preview", str(photo), "-o", str(sheet)]) == 0  # bicubic, at 4


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["-o", "a.png", "degradation=nonsense"], "nonsense"),
        (["-o", "a.png", "degradation=mild", "degradation.steps.jpeg.quality=[1,200]"], "quality"),
        (["-o", "a.png", "unknown=1"], "unknown"),
        (["-o", "a.txt"], "-o a.txt: the sheet is a picture; name a .png"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_sentence(arguments, why, photo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["preview", str(photo), *arguments]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert why in told
    assert "Traceback" not in told
    assert not (tmp_path / "a.png").exists()


def test_estimates_are_a_table_or_json(photo, tmp_path, capsys):
    (tmp_path / "more").mkdir()
    with Image.open(photo) as image:
        image.save(tmp_path / "more" / "b.jpg", quality=30)
    (photo.parent / ".hidden.png").write_bytes(b"")
    assert main(["estimate", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["photo", "noise", "grain", "JPEG", "grid", "kernel", "halo", "like"]
    assert lines[1].split()[0] == str(photo)
    assert lines[1].split()[3:5] == ["95*", "0,0"]
    assert lines[2].split()[3] == "30*"
    assert lines[3].split()[0] == "median"
    assert lines[-1].startswith("Most like degradation=")
    assert main(["estimate", str(photo), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["photos"][str(photo)]["quality"] == 95
    assert sum(found["shares"].values()) == pytest.approx(1)
    assert found["nearest"] in found["shares"]


def test_a_bad_file_is_named_and_the_rest_goes_on(photo, tmp_path, capsys):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    assert main(["estimate", str(tmp_path / "bad.png"), str(photo)]) == 1
    told = capsys.readouterr()
    assert str(photo) in told.out
    assert told.err.startswith(f"failed: {tmp_path / 'bad.png'}: ")
    assert main(["estimate", str(tmp_path / "nowhere")]) == 1
    assert "nowhere: no such file or folder" in capsys.readouterr().err
