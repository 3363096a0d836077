"""The leaderboard says what the records say."""

import json
import shutil

import pytest

from sr.errors import UserError
from sr.judge.records import BEGIN, END, renew
from sr.report import main

from ..test_imports import ROOT


def test_that_of_this_project_is_current(tmp_path):
    copy = shutil.copytree(ROOT / "experiments", tmp_path / "experiments", ignore=shutil.ignore_patterns("*.png"))
    assert main(["--records", str(copy)]) == 0
    assert (copy / "README.md").read_text() == (ROOT / "experiments" / "README.md").read_text()


def record(folder, name, psnr, lpips, scale=4, question="Does\nit [work](../other/README.md)?"):
    (folder / name).mkdir()
    rows = [{"model": model, "set": "Set5", "scale": scale, "psnr_y": p, "st_lpips": d, "parameters": 1_240_000}
            for model, p, d in (("bicubic", 28, 0.4), ("best", 1, 1), ("last", psnr, lpips))]  # fmt: skip
    rows.append({"model": "last", "set": "valid", "scale": scale, "psnr_y": psnr})  # of fewer metrics
    (folder / name / "metrics.json").write_text(json.dumps({"rows": rows, "model": "last"}))
    (folder / name / "README.md").write_text(f"# {name}\n\n1 core, 1 h 2 min, 30 steps (30 pixel),\ncommit x.\n\n"
                                             f"**Question.** {question}\n\n**Verdict.** No.\n")  # fmt: skip


def test_best_looks_first_and_scales_apart(tmp_path):
    (tmp_path / "README.md").write_text(f"before\n{BEGIN}\nold\n{END}\nbehind\n")
    record(tmp_path, "a", 30, 0.2)
    record(tmp_path, "b", 29, 0.1)
    record(tmp_path, "c", 36, 0.01, scale=2)
    assert renew(tmp_path) == 3
    text = (tmp_path / "README.md").read_text()
    assert text.startswith(f"before\n{BEGIN}")
    assert text.endswith(f"{END}\nbehind\n")
    assert "old" not in text
    line = (
        "| [b](b/README.md) | Does it [work](other/README.md)? | 1 h 2 min, 30 steps, 1 core | 1.24 M | 29.00 / 0.100 "
    )
    assert text.index("x4, ") < text.index(line) < text.index("| [a]") < text.index("x2, ") < text.index("| [c]")
    assert renew(tmp_path) == 3
    assert (tmp_path / "README.md").read_text() == text


def test_what_is_missing_is_told(tmp_path, capsys):
    with pytest.raises(UserError, match="no such file"):
        renew(tmp_path)
    (tmp_path / "README.md").write_text("nothing")
    with pytest.raises(UserError, match=r"the marks .* are missing"):
        renew(tmp_path)
    (tmp_path / "README.md").write_text(f"{BEGIN}{END}")
    record(tmp_path, "a", 30, 0.2)
    (tmp_path / "a" / "README.md").write_text("# a\n")
    assert main(["--records", str(tmp_path)]) == 1
    assert "a record has the line of its card" in capsys.readouterr().err
    assert (tmp_path / "README.md").read_text() == f"{BEGIN}{END}"
