"""Which checkpoint is best, and what is kept of it."""

from types import SimpleNamespace

import pytest

from sr.training.callbacks import Checkpoints


class Trainer:
    """As much of a trainer as the choice needs."""

    def __init__(self) -> None:
        self.global_step, self.callback_metrics, self.saved = 0, {}, []

    def save_checkpoint(self, path) -> None:
        self.saved.append((path.stem, self.global_step))


@pytest.fixture
def watched(tmp_path):
    """validate(step, phase, psnr, distance) on a run whose bicubic has 28 dB; returns the steps kept as best."""
    trainer, checkpoints = Trainer(), Checkpoints(str(tmp_path), floor_db=1.0)

    def validate(step, phase, psnr, distance):
        trainer.global_step = step
        trainer.callback_metrics = {"val/psnr_y": psnr, "val/st_lpips": distance}
        checkpoints.on_validation_end(
            trainer, SimpleNamespace(phase=phase, validation=SimpleNamespace(bicubic={"psnr_y": 28.0}))
        )
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


def test_numbers_that_are_none_are_never_best(watched):
    watched(1, "pixel", 29.0, 0.3)
    assert watched(2, "pixel", float("nan"), 0.3) == [1]


def test_the_choice_survives_a_resume(watched, tmp_path):
    watched(1, "pixel", 29.0, 0.3)
    again = Checkpoints(str(tmp_path))
    again.load_state_dict(watched.checkpoints.state_dict())
    assert again.best == watched.checkpoints.best
