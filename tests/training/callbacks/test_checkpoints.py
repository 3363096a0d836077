"""Which checkpoint is best, and what is kept of it."""

from types import SimpleNamespace

import pytest
import torch

from sr.metrics import NIQE, PSNR, STLPIPS
from sr.training.callbacks import Checkpoints


class Trainer:
    """As much of a trainer as the choice needs."""

    def __init__(self) -> None:
        self.global_step, self.callback_metrics, self.saved = 0, {}, []
        self.ckpt_path = None
        self.is_global_zero, self.enable_validation, self.val_check_batch = True, False, None

    def save_checkpoint(self, path) -> None:
        self.saved.append((path.name.strip(".~").removesuffix(".ckpt"), self.global_step))
        path.write_text(str(self.global_step))


class System:
    """As much of a system."""

    def __init__(self, phase: str = "pixel") -> None:
        self.phase, self.phase_ends = phase, {}
        self.validation = SimpleNamespace(bicubic={"psnr_y": 28.0})
        self.watch = SimpleNamespace(content=torch.tensor(1.0))
        self.trains_on = frozenset()

    def read_watched(self) -> None:
        pass

    def phase_steps(self) -> dict:
        return {"pixel": None, "adversarial": None}


@pytest.fixture
def watched(tmp_path):
    """validate(step, phase, psnr, distance) on a run whose bicubic has 28 dB; returns the steps kept as best."""
    trainer, checkpoints = Trainer(), Checkpoints(str(tmp_path), floor_db=1.0)

    def validate(step, phase, psnr, distance):
        trainer.global_step = step
        trainer.callback_metrics = {"val/psnr_y": psnr, "val/st_lpips": distance}
        checkpoints.on_validation_end(trainer, System(phase))
        return [step for name, step in trainer.saved if name == "best"]

    validate.checkpoints = checkpoints
    return validate


def test_the_pixel_phase_keeps_the_highest_psnr(watched):
    watched(1, "pixel", 29.0, 0.3)
    watched(2, "pixel", 30.0, 0.4)
    assert watched(3, "pixel", 29.5, 0.1) == [1, 2]


def test_best_starts_anew_with_the_adversarial_phase(watched):
    """No later PSNR beats the pixel phase's: a best by PSNR would be from before the discriminator."""
    watched(1, "pixel", 31.0, 0.3)
    watched(2, "adversarial", 29.0, 0.25)
    watched(3, "adversarial", 28.5, 0.2)
    assert watched(4, "adversarial", 30.0, 0.22) == [1, 2, 3]


def test_below_the_floor_nothing_is_best(watched):
    watched(1, "adversarial", 28.0, 0.25)
    assert watched(2, "adversarial", 26.9, 0.1) == [1]
    assert watched(3, "adversarial", 27.1, 0.2) == [1, 3]


def lpips() -> STLPIPS:
    """A metric of another class and of the first rank; the weights of the true one are not at hand."""
    metric = STLPIPS()
    metric.__class__ = type("LPIPS", (STLPIPS,), {"axis_rank": 0})
    return metric


@pytest.mark.parametrize(
    ("more", "trains_on", "judge"),
    [
        ({"niqe": NIQE()}, {"LPIPS"}, "st_lpips"),
        ({"niqe": NIQE(), "lpips": lpips()}, {"STLPIPS"}, "lpips"),
        ({"niqe": NIQE(), "lpips": lpips()}, {"STLPIPS", "LPIPS"}, "niqe"),
        ({}, {"STLPIPS"}, "psnr_y"),
    ],
)
def test_a_metric_that_is_trained_on_chooses_no_longer(tmp_path, capsys, more, trains_on, judge):
    trainer, system, checkpoints = Trainer(), System("adversarial"), Checkpoints(str(tmp_path), floor_db=1.0)
    system.validation.metrics = {"psnr_y": PSNR(), "st_lpips": STLPIPS(), **more}
    system.trains_on, trainer.enable_validation = trains_on, True
    checkpoints.on_train_start(trainer, system)
    said = f"st_lpips is a loss of this run and judges it no longer: the best checkpoint is that of {judge}"
    assert (said in capsys.readouterr().out) is (judge != "st_lpips")
    better = 1 if judge == "psnr_y" else -1
    for trainer.global_step, change in enumerate((0.0, -0.3, 0.3, 0.2), 1):
        scores = {"psnr_y": 29.0, "st_lpips": 0.5, "niqe": 4.0, "lpips": 0.5}
        if judge != "st_lpips":
            scores["st_lpips"] -= trainer.global_step / 20  # better with each step
        scores[judge] += better * change
        trainer.callback_metrics = {f"val/{name}": value for name, value in scores.items()}
        checkpoints.on_validation_end(trainer, system)
    assert [step for name, step in trainer.saved if name == "best"] == [1, 3]


def test_numbers_that_are_none_are_never_best(watched):
    watched(1, "pixel", 29.0, 0.3)
    assert watched(2, "pixel", float("nan"), 0.3) == [1]


def test_the_choice_survives_a_resume(watched, tmp_path):
    watched(1, "pixel", 29.0, 0.3)
    again = Checkpoints(str(tmp_path))
    again.load_state_dict(watched.checkpoints.state_dict())
    assert again.best == watched.checkpoints.best


def test_healthy_is_the_last_one_before_the_loss_rose(tmp_path):
    trainer, checkpoints, system = Trainer(), Checkpoints(str(tmp_path), every_steps=5, keep=2), System()
    healthy = []
    for trainer.global_step in range(1, 27):
        system.watch.content = torch.tensor({11: 3.9, 16: 4.1, 21: 900.0, 26: float("nan")}.get(trainer.global_step, 1))
        checkpoints.on_train_batch_end(trainer, system)
        if trainer.global_step % 5 == 1 and trainer.global_step > 1:
            healthy.append(int((tmp_path / "healthy.ckpt").read_text()))
    assert healthy == [5, 10, 10, 10, 10]
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "healthy.ckpt", "last.ckpt", "step_00000020.ckpt", "step_00000025.ckpt",
    ]  # fmt: skip


def test_a_step_that_is_validated_is_kept_after_its_validation(tmp_path):
    trainer, checkpoints, system = Trainer(), Checkpoints(str(tmp_path), every_steps=5), System()
    trainer.enable_validation, trainer.val_check_batch = True, 10
    trainer.callback_metrics = {"val/psnr_y": 29.0, "val/st_lpips": 0.3}
    for trainer.global_step in (5, 10):
        checkpoints.on_train_batch_end(trainer, system)
    assert trainer.saved == [("last", 5)]
    checkpoints.on_validation_end(trainer, system)
    assert trainer.saved == [("last", 5), ("best", 10), ("last", 10)]


@pytest.mark.parametrize(("step", "name", "proven"), [(10, "last", 10), (10, "step_00000010", None), (8, "last", None)])
def test_a_resumed_run_says_of_its_last_one_whether_it_was_healthy(tmp_path, step, name, proven):
    trainer, checkpoints = Trainer(), Checkpoints(str(tmp_path), every_steps=5)
    trainer.global_step, trainer.ckpt_path = step, str(tmp_path / f"{name}.ckpt")
    system = System()
    system.validation.metrics = {}
    checkpoints.on_train_start(trainer, system)
    assert checkpoints.unproven == proven
