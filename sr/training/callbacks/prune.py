"""Ending a job of a search that has fallen behind the others."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from sr.sweep.search import Pruned, Reporter

from .checkpoints import keepers, scores_of


class Prune(pl.Callback):
    """Reports each validation of the last phase to the search that proposed this job; outside of one, nothing.

    The phases before it have another goal: scores of a pixel phase say little of the adversarial one.

    Args:
        folder: of the job.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.reporter: Reporter | None = None
        self.behind_at: int | None = None  # step

    def on_fit_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.reporter = Reporter.of(self.folder) if trainer.is_global_zero else None

    def on_validation_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        behind = False
        if self.reporter is not None and pl_module.phase == list(pl_module.phase_steps())[-1]:
            values = scores_of(trainer) | {"cost": keepers(trainer)[0].cost(trainer, pl_module)}
            behind = self.reporter.falls_behind(values, trainer.global_step)
        if trainer.strategy.broadcast(behind) and trainer.global_step < trainer.max_steps:
            self.behind_at, trainer.should_stop = trainer.global_step, True

    def check(self) -> None:
        """Behind the fit.

        Raises:
            Pruned: it was ended early.
        """
        if self.behind_at is not None:
            told = f"behind the median of the others at step {self.behind_at}, by each objective"
            raise Pruned(told, told)
