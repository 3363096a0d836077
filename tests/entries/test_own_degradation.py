"""A degradation of one's own, in one Python file and one YAML: what it draws outlives interruptions."""

import csv
from pathlib import Path

import pytest
import torch

from ..degradations.test_contract import MINE
from .test_train import only_run, state


def rows(run: Path) -> list[dict[str, str]]:
    with open(run / "curves.csv", newline="") as file:
        return [{k: v for k, v in row.items() if not k.startswith("speed/")} for row in csv.DictReader(file)]


@pytest.mark.slow
def test_resumed_is_undisturbed_and_validation_is_repeatable(train, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "own" / "degradation").mkdir(parents=True)
    (tmp_path / "own" / "degradation" / "noisy.yaml").write_text(
        "_target_: mine.Noisy\nscale: ${scale}\nseed: ${seed}\n"
    )
    same = (f"--config-dir={tmp_path / 'own'}", "degradation=noisy", "allow=[mine]", "trainer.val_check_interval=1",
            "steps.pixel=1", "steps.ramp=1", "steps.adversarial=1")  # fmt: skip
    train(*same, "name=whole", "data.workers=2")
    train(*same, "name=pieces", "callbacks.stop.after_minutes=0")
    stopped = only_run(tmp_path, "pieces")
    assert not (stopped / "README.md").exists()
    for _ in range(3):
        if (stopped / "README.md").exists():
            break
        train(*same, "name=pieces", f"resume={stopped}", "callbacks.stop.after_minutes=0")
    whole = only_run(tmp_path, "whole")
    a, b = (state(run / "checkpoints" / "last.ckpt") for run in (whole, stopped))
    assert all(torch.equal(a[key], b[key]) for key in a)
    # An interruption validates too: there are more rows, but none is another.
    whole_scores, scores = (
        {r["step"]: r["val/psnr_y"] for r in rows(run) if r["val/psnr_y"]} for run in (whole, stopped)
    )
    assert len(whole_scores) == 2
    assert {step: scores[step] for step in whole_scores} == whole_scores
    assert "or HR noisy" in (whole / "README.md").read_text()
