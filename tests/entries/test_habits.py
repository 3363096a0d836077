"""Habits of other projects, typed at the real command and its Python objects."""

import csv
import json
import re
from pathlib import Path

import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from torch.utils.data import DataLoader

from sr.data.folder import Folder
from sr.training import AdversarialSystem

from .conftest import SMALL

NO_STEPS = [word for word in SMALL if not word.startswith(("steps.", "logger", "test", "system.log"))]


def curves(run: Path) -> list[dict[str, str]]:
    with open(run / "curves.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_a_quick_try_goes_through_all_phases_and_what_it_leaves_is_lightnings_too(train, tmp_path, small_photos):
    """Also with hydra.job.chdir, where relative paths still mean those of the command."""
    (tmp_path / "photos").symlink_to(small_photos)
    said = train("debug=fdr", "hydra.job.chdir=true", "data.root=photos", "tags=[first,try]", small=NO_STEPS)
    (run,) = (tmp_path / "outputs" / "debug").iterdir()
    assert f"{run.name}/README.md is the card" in said
    rows = curves(run)
    assert [row["step"] for row in rows if row["loss/generator"]] == ["1", "2"]
    assert [bool(row["loss/discriminator"]) for row in rows if row["loss/generator"]] == [False, True]
    assert [row["step"] for row in rows if row["val/psnr_y"]] == ["1", "2"]
    card = (run / "README.md").read_text()
    assert "2 steps (1 pixel, 1 adversarial)," in card
    assert "Tags: first, try." in card
    for linked in re.findall(r"\]\(([^)]+)\)", card):
        assert (run / linked).exists(), linked

    system = AdversarialSystem.load_from_checkpoint(run / "checkpoints" / "last.ckpt")
    data = Folder(str(small_photos), held_out_images=3, crop_px=32, workers=0, cache=str(tmp_path / "cache"))
    trainer = pl.Trainer(accelerator="cpu", devices=1, logger=False, enable_progress_bar=False,
                         default_root_dir=str(tmp_path))  # fmt: skip
    (tested,) = trainer.test(system, data, verbose=False)
    table = json.loads((run / "metrics.json").read_text())
    (last,) = [row for row in rows if row["step"] == "2" and row["val/psnr_y"]]
    assert abs(tested["test/psnr_y"] - float(last["val/psnr_y"])) < 1e-4
    assert table
    predicted = trainer.predict(system, data)
    assert [sr.shape[-2:] for sr in predicted] == [data.validation[i]["hr"].shape[-2:] for i in range(3)]
    lr = torch.rand(1, 3, 9, 7)
    assert torch.equal(system(lr), system.generator_ema(lr))
    assert torch.equal(trainer.predict(system, DataLoader(lr))[0], system(lr).clamp(0, 1))


def test_one_batch_alone_under_the_profiler_ended_by_lightning(train, tmp_path):
    """What ends a run before its phases do is told by its card."""
    train("logger=[]", "debug=profiler", "+callbacks.overfit._target_=sr.training.callbacks.Overfit",
          "trainer.max_steps=23", "logger=null", small=NO_STEPS)  # fmt: skip
    (run,) = (tmp_path / "outputs" / "debug").iterdir()
    assert "training_step" in (run / "fit-profile.txt").read_text()
    card = (run / "README.md").read_text()
    assert "23 steps (20 pixel, 3 adversarial, of 20 pixel, 20 adversarial that were planned)," in card
    assert "curves.csv" not in card
    assert not (run / "curves.csv").exists()
    assert OmegaConf.load(run / "config.yaml").logger == {}


def test_one_batch_alone_is_learnt_by_heart(train, tmp_path):
    """Which other batches in between would make uneven."""
    small = [word for word in SMALL if not word.startswith(("generator.width", "steps.pixel", "steps.adversarial"))]
    train("debug=overfit", small=[*small, "generator.width=8", "steps.pixel=40", "steps.adversarial=0"])
    (run,) = (tmp_path / "outputs" / "debug").iterdir()
    losses = [float(row["loss/generator"]) for row in curves(run) if row["loss/generator"]]
    assert len(losses) == 20
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.95 * losses[0]


ROOT_OF_ZERO = """
import torch


class Root(torch.nn.Module):
    def forward(self, sr, hr):
        return 0 * torch.sqrt(sr - sr.detach()).mean()
"""


def test_the_operation_that_makes_nan_is_named(train, tmp_path):
    (tmp_path / "mine.py").write_text(ROOT_OF_ZERO)
    said = train("debug=anomaly", "allow=[mine]", "+losses.content.terms.odd._target_=mine.Root",
                 "+losses.content.weights.odd=1", status=1)  # fmt: skip
    assert "error: " in said.splitlines()[-1]
    assert "SqrtBackward0" in said.splitlines()[-1]
    assert "return 0 * torch.sqrt(sr - sr.detach()).mean()" in said
