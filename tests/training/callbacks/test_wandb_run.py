"""What W&B is told of a run beside its curves."""

from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from pytorch_lightning.loggers import WandbLogger

from sr.metrics import PSNR, STLPIPS
from sr.training.callbacks import WandbRun
from sr.training.system import NonFiniteError


@pytest.fixture
def run():
    """W&B's own object, whose summary is a dictionary."""
    return MagicMock(summary={}, **{"name": "srgan"})


@pytest.fixture
def trainer(run):
    run.name = "srgan"
    logger = MagicMock(spec=WandbLogger, experiment=run)
    return SimpleNamespace(is_global_zero=True, loggers=[logger], sanity_checking=False, global_step=0,
                           callback_metrics={})  # fmt: skip


SYSTEM = SimpleNamespace(validation=SimpleNamespace(
    metrics={"psnr_y": PSNR(), "st_lpips": SimpleNamespace(higher_is_better=STLPIPS.higher_is_better)},
    bicubic={"psnr_y": 28.0},
))  # fmt: skip


def validate(callback: WandbRun, trainer, step: int, psnr: float, distance: float) -> None:
    trainer.global_step = step
    trainer.callback_metrics = {"val/psnr_y": psnr, "val/st_lpips": distance}
    callback.on_validation_end(trainer, SYSTEM)


def test_the_best_of_each_metric_and_its_step(trainer, run, tmp_path):
    callback = WandbRun(str(tmp_path))
    for step, psnr, distance in ((10, 29.0, 0.3), (20, 30.0, float("nan")), (30, 29.5, 0.2), (40, 30.0, 0.25)):
        validate(callback, trainer, step, psnr, distance)
    assert run.summary == {"best/psnr_y": 30.0, "best/psnr_y_step": 20, "best/st_lpips": 0.2, "best/st_lpips_step": 30,
                           "bicubic/psnr_y": 28.0}  # fmt: skip


def test_a_resumed_run_remembers_its_best(trainer, run, tmp_path):
    callback = WandbRun(str(tmp_path))
    validate(callback, trainer, 10, 30.0, 0.3)
    resumed = WandbRun(str(tmp_path))
    resumed.load_state_dict(callback.state_dict())
    validate(resumed, trainer, 20, 29.0, 0.2)
    assert (run.summary["best/psnr_y"], run.summary["best/psnr_y_step"]) == (30.0, 10)
    assert (run.summary["best/st_lpips"], run.summary["best/st_lpips_step"]) == (0.2, 20)


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (NonFiniteError("a gradient is NaN"), "diverged"),
        (RuntimeError("no memory"), "failed"),
        (KeyboardInterrupt(), None),
    ],
)
def test_an_alert_where_it_diverges_or_fails(trainer, run, tmp_path, error, title):
    trainer.global_step = 7
    WandbRun(str(tmp_path)).on_exception(trainer, SYSTEM, error)
    WandbRun(str(tmp_path), alerts=False).on_exception(trainer, SYSTEM, error)
    calls = [call.args for call in run.alert.call_args_list]
    assert calls == ([(f"srgan: {title}", f"step 7: {error}", "ERROR")] if title else [])


def test_without_wandb_it_does_nothing(trainer, tmp_path):
    trainer.loggers = []
    callback = WandbRun(str(tmp_path))
    callback.on_fit_start(trainer, SYSTEM)
    validate(callback, trainer, 10, 30.0, 0.3)
    callback.on_exception(trainer, SYSTEM, RuntimeError())
    callback.finish(trainer, {}, [], "best")
    assert list(tmp_path.iterdir()) == []
