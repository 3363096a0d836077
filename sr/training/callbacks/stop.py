"""Ending a run early and cleanly: Ctrl-C, a cluster that wants its nodes back, or a time limit."""

import signal
from time import monotonic
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch

from sr import job

from ..lightning import do_not_vote_on_signals
from ..loggers import wandb_runs
from .checkpoints import validation_is_due

PREEMPTED = (signal.SIGTERM, signal.SIGUSR1)  # by which clusters tell that a job has to make room
SIGNALS = (signal.SIGINT, *PREEMPTED)


class Stop(pl.Callback):
    """Lets the step under way finish; `last.ckpt` is then written as at any end. A second Ctrl-C ends at once.

    It is enough that one of several processes receives the signal. A SLURM job that is sent SIGUSR1 or SIGTERM asks to
    be run again, if it is to: `requeue`.

    Args:
        after_minutes: stop after this time; resume=auto goes on for as long again.
        every_steps: between two votes, where several processes must stop at the same step.
        requeue: ask for that.
    """

    def __init__(self, after_minutes: float | None = None, every_steps: int = 10, requeue: bool = True) -> None:
        self.after_minutes, self.every_steps, self.requeue = after_minutes, every_steps, requeue
        self.received: signal.Signals | None = None
        self.stopped = False
        self._handlers: dict[int, Any] = {}
        self._since, self._before = monotonic(), 0.0

    @property
    def seconds(self) -> float:
        """Of this run so far, the parts before each resume included."""
        return self._before + monotonic() - self._since

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._before = state_dict["seconds"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._handlers = {number: signal.signal(number, self._handle) for number in SIGNALS}
        do_not_vote_on_signals(trainer)  # we vote now and then instead

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        wanted = self.received is not None or self._time_is_up()
        if trainer.world_size > 1:
            if trainer.global_step % self.every_steps:
                return
            wanted = trainer.strategy.reduce_boolean_decision(wanted, all=False)
            if wanted:
                self.received = self._the_same_for_all(trainer)
        if wanted and trainer.global_step < trainer.max_steps:
            self.stopped = True
            end(trainer)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = signal.Signals(number)
        print(f"\n{self.received.name}: finishing this step, then a checkpoint (again: end at once)", flush=True)

    def _the_same_for_all(self, trainer: pl.Trainer) -> signal.Signals | None:
        """The signal of any process: all end with one status, and the first one asks for another run."""
        numbers = torch.tensor(float(self.received or 0), device=trainer.strategy.root_device)
        found = int(trainer.strategy.reduce(numbers, reduce_op="max"))
        return signal.Signals(found) if found else None

    def after_saving(self, trainer: pl.Trainer) -> None:
        """The run is kept: have the job run again where it was told to make room, for which SLURM ends it at once."""
        if self.requeue and self.received in PREEMPTED and job.slurm_job() is not None:
            for run in wandb_runs(trainer):
                run.finish()
            print(job.requeue(), flush=True)

    def _time_is_up(self) -> bool:
        return self.after_minutes is not None and monotonic() - self._since > 60 * self.after_minutes


def end(trainer: pl.Trainer) -> None:
    """Let this step be the last one."""
    trainer.should_stop = True
    if not validation_is_due(trainer):  # Lightning would validate once more, and that would compete for best
        trainer.limit_val_batches = 0
