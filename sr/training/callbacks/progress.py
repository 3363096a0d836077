"""The progress bar: steps of the whole run, time left, phase and the last scores."""

import sys
from contextlib import suppress
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import TQDMProgressBar


class Progress(TQDMProgressBar):
    """Lightning's bar, which for a run counted in steps shows the time left of all of it.

    Args:
        refresh_steps: between two updates of the bar; ten times as many where the output is a file.
    """

    def __init__(self, refresh_steps: int = 20) -> None:
        super().__init__(refresh_rate=refresh_steps if sys.stdout.isatty() else 10 * refresh_steps)

    def get_metrics(self, trainer: pl.Trainer, pl_module: Any) -> dict[str, Any]:
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return {name.removeprefix("val/"): value for name, value in metrics.items()}

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any, *args: Any) -> None:
        super().on_train_epoch_start(trainer, pl_module, *args)
        # Lightning counts what is left of a resumed run as all of it, and the steps before as made in no time.
        bar = self.train_progress_bar
        bar.initial, bar.n = trainer.global_step, trainer.global_step
        bar.total = trainer.max_steps if pl_module.clocked is None else None

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *args: Any) -> None:
        if self.train_progress_bar.desc != pl_module.phase:
            self.train_progress_bar.set_description_str(pl_module.phase, refresh=False)
        super().on_train_batch_end(trainer, pl_module, *args)

    def on_exception(self, trainer: pl.Trainer, pl_module: Any, exception: BaseException) -> None:
        # What is said next begins on a line of its own.
        with suppress(TypeError):  # there may be none yet
            self.train_progress_bar.close()
