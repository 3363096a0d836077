"""Runs that are made to fail: what is told, once, and what happens then."""

import json

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from sr.errors import UserError
from sr.training.callbacks import Checkpoints, Health
from sr.training.schedules import MultiStep

from ..test_system import batches, equal, gan

BREAKS = MultiStep(1e-3, milestones=[24], gamma=1e4)
LOADER = DataLoader(list(batches(1).dataset) * 80, batch_size=4)  # the same batch again and again


def run(folder, steps, on_collapse="rollback", system=None, resume=None, every=5, **options):
    """A run whose generator breaks at step 25; returns its system and its health callback."""
    system = system or gan(adversarial_schedule=BREAKS, log_every_steps=1)
    health = Health(str(folder), on_collapse, **{"slower": 1e-4, **options})
    system.rows = []
    system.write_row, write = (
        lambda row: (system.rows.append(row | {"step": system.global_step}), write(row)),
        (system.write_row),
    )
    trainer = pl.Trainer(
        max_steps=steps, accelerator="cpu", devices=1, logger=False, limit_val_batches=0, enable_progress_bar=False,
        callbacks=[health, Checkpoints(str(folder / "checkpoints"), every_steps=every)], enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(system, LOADER, ckpt_path=resume, weights_only=True)
    return system, health


def lines(folder) -> list[tuple[int, str]]:
    told = [json.loads(line) for line in (folder / "health.jsonl").read_text().splitlines()]
    assert all(set(line) == {"step", "rule", "message", "advice"} for line in told)
    return [(line["step"], line["rule"]) for line in told]


def test_a_warning_is_told_once_and_the_run_goes_on(tmp_path, capsys):
    system, _ = run(tmp_path, 50, "warn")
    assert system.global_step == 50
    step = lines(tmp_path)[0][0]
    assert 26 < step < 35
    assert [rule for _, rule in lines(tmp_path)].count("gradient_norm") == 1
    assert f"health, step {step}: the generator's gradients explode" in capsys.readouterr().out


def test_stop_ends_with_that_step(tmp_path):
    system, _ = run(tmp_path, 50, "stop")
    assert lines(tmp_path) == [(system.global_step, "gradient_norm"), (system.global_step, "stop")]
    assert system.global_step < 35


def test_a_rollback_ends_better_than_a_stop(tmp_path):
    stopped, _ = run(tmp_path / "stop", 50, "stop")
    back, _ = run(tmp_path / "back", 50)
    (collapse, _), (at, rule) = lines(tmp_path / "back")
    assert (at, rule) == (collapse, "rollback")
    assert back.global_step == 50
    by_step = {row["step"]: row for row in back.rows if "loss/generator" in row}
    assert by_step[at]["learning_rate/generator"] == 10
    assert by_step[at + 1]["learning_rate/generator"] == pytest.approx(1e-3)
    assert by_step[at + 1]["learning_rate/discriminator"] == pytest.approx(1e-7)
    assert [row for row in back.rows if "health/rollbacks" in row] == [{"health/rollbacks": 1.0, "step": at}]
    assert by_step[at + 1]["loss/generator"] < by_step[23]["loss/generator"] * 1.5 < by_step[at]["loss/generator"] / 2
    before = torch.load(tmp_path / "stop" / "checkpoints" / "healthy.ckpt", weights_only=True)["global_step"]
    assert by_step[50]["loss/generator"] <= by_step[before + 1]["loss/generator"]
    assert stopped.rows[-1]["loss/generator"] > 2 * by_step[50]["loss/generator"]


@pytest.mark.parametrize("at", [20, 27, 33, 41])  # before the collapse, in it, behind it
def test_with_a_rollback_it_resumes_as_if_never_stopped(tmp_path, at):
    whole, _ = run(tmp_path / "whole", 50)
    run(tmp_path / "half", at)
    last = tmp_path / "half" / "checkpoints" / "last.ckpt"
    (tmp_path / "half" / "health.jsonl").open("a").write('{"step": 49, "rule": "told before the kill"}\n')
    rest, _ = run(tmp_path / "half", 50, resume=last)
    assert lines(tmp_path / "half") == lines(tmp_path / "whole")
    assert equal(whole.state_dict(), rest.state_dict())
    assert rest.slower == whole.slower != {}


def test_without_a_checkpoint_from_before_it_stops(tmp_path):
    run(tmp_path, 50, every=100)
    assert [rule for _, rule in lines(tmp_path)] == ["gradient_norm", "stop"]
    assert "no checkpoint is kept from step" in (tmp_path / "health.jsonl").read_text()


def test_rollbacks_are_bounded(tmp_path):
    system, _ = run(tmp_path, 80, slower=0.9, rollbacks=1)
    rules = [rule for _, rule in lines(tmp_path) if rule in ("rollback", "stop", "gradient_norm")]
    assert rules == ["gradient_norm", "rollback", "gradient_norm", "stop"]
    assert system.global_step < 80


def test_a_discriminator_far_ahead_is_told(tmp_path):
    system = gan(adversarial_schedule=MultiStep(0.0), discriminator_schedule=MultiStep(3e-3), log_every_steps=4)
    run(tmp_path, 160, system=system)
    ((step, rule),) = lines(tmp_path)
    assert rule == "discriminator_ahead"
    assert step < 160


def test_only_three_things_can_be_done():
    with pytest.raises(UserError, match=r"on_collapse=pray: choose one of warn, stop, rollback"):
        Health("x", "pray")


def test_a_healthy_run_says_nothing(tmp_path):
    run(tmp_path, 20, "stop")
    assert not (tmp_path / "health.jsonl").exists()
