"""Ending the phases of a run by the clock: an equal time for networks of different speed."""

from time import monotonic, process_time
from typing import Any

import pytorch_lightning as pl
import torch


class Clock(pl.Callback):
    """Ends each phase after its share of the time instead of after its steps.

    The phases share the time as they share the steps, and schedules and the ramp go through their steps in that time:
    a network that is twice as fast makes twice as many updates at the same learning rates. How many is up to the
    machine, so that such a run cannot be repeated to the bit. Validation costs no time.

    Args:
        minutes: of all phases together; None: they end after their steps.
        pixel, adversarial: steps of the phases, in the proportions of which they share the time.
        every_steps: between two looks at the clock, where several processes have to agree.
        counts: "wall", the time that passes; or "processor", the time that this process works, all its threads added,
            loader processes not: equal for runs beside other work, but not where a GPU does it.
    """

    def __init__(
        self,
        minutes: float | None = None,
        pixel: int = 1,
        adversarial: int = 0,
        every_steps: int = 10,
        counts: str = "wall",
    ) -> None:
        self.minutes, self.every_steps, self.counts = minutes, every_steps, counts
        self.planned = {"pixel": pixel, "adversarial": adversarial}
        self.pixel_ended: int | None = None if pixel else 0  # at this step
        self._before, self._since = 0.0, None  # type: float, float | None

    def now(self) -> float:
        """Seconds of the clock."""
        return process_time() if self.counts == "processor" else monotonic()

    @property
    def seconds(self) -> float:
        """Of training so far, the parts before each resume included."""
        return self._before + (0.0 if self._since is None else self.now() - self._since)

    def lasts(self, phase: str) -> float:
        """Seconds of a phase."""
        return 60 * (self.minutes or 0) * self.planned[phase] / sum(self.planned.values())

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "pixel_ended": self.pixel_ended}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._before, self.pixel_ended = state_dict["seconds"], state_dict["pixel_ended"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if self.minutes is not None:
            self._tell(trainer, pl_module, self.seconds)

    def on_train_batch_start(self, *_: Any) -> None:
        if self._since is None:
            self._since = self.now()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        if self.minutes is None:
            return
        seconds = self.seconds
        if trainer.world_size > 1:
            if trainer.global_step % self.every_steps:
                return
            seconds = float(trainer.strategy.reduce(torch.tensor(seconds, device=pl_module.device), reduce_op="mean"))
        if self.pixel_ended is None and self.planned["adversarial"] and seconds >= self.lasts("pixel"):
            self.pixel_ended = trainer.global_step
        self._tell(trainer, pl_module, seconds)
        if seconds >= 60 * self.minutes:
            trainer.should_stop = True  # behind a last validation

    def _tell(self, trainer: pl.Trainer, pl_module: Any, seconds: float) -> None:
        """Let the system know which phase it is in and how much of that is over."""
        phase, over = "pixel", seconds
        if self.pixel_ended is not None:
            phase, over = "adversarial", seconds - self.lasts("pixel")
        if self.planned["adversarial"]:
            pl_module.pixel_steps = trainer.max_steps - 1 if self.pixel_ended is None else self.pixel_ended
        pl_module.clocked = int(self.planned[phase] * min(max(over / self.lasts(phase), 0), 1))

    def on_validation_start(self, *_: Any) -> None:
        self._before, self._since = self.seconds, None
