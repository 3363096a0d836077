"""Watches a run, tells each trouble once, and ends the run or takes it back where it has collapsed."""

import json
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from sr.atomic import write_text
from sr.errors import UserError

from ..health import COLLAPSES, RULES, History, Trouble
from ..loggers import alert
from .checkpoints import keepers
from .stop import end

CHOICES = ("warn", "stop", "rollback")


class Health(pl.Callback):
    """Looks at each row of the curves, which is there anyway: the device is never waited for.

    What a rule of `sr.training.health` finds is printed and written to `<folder>/health.jsonl`, one JSON a line with
    `step`, `rule`, `message` and `advice`; once a run. After a rollback, collapses are told anew.

    A run has collapsed where `gradient_norm` or `below_bicubic` finds something. Then

    - warn: it goes on all the same;
    - stop: it ends with this step, with its table and card; its best weights are from before;
    - rollback: networks and optimizers go back to the newest checkpoint kept from before the trouble began (healthy,
      best, the end of a phase, step_*). The count of steps and the data go on, the learning rates of the networks
      concerned are multiplied by `slower`, and the curves have a row of `health/rollbacks`. After `rollbacks` of
      them, or where no such checkpoint is there, it stops.

    Args:
        folder: of the run.
        on_collapse: warn, stop or rollback.
        fidelity: validation metric that is compared with bicubic's, in dB.
        floor_db: how far below bicubic it may be in the adversarial phase.
        slower: factor of learning rates at each rollback.
        rollbacks: at most so many.

    Raises:
        UserError: `on_collapse` is none of the three.
    """

    def __init__(
        self,
        folder: str,
        on_collapse: str = "warn",
        fidelity: str = "psnr_y",
        floor_db: float = 1.0,
        slower: float = 0.3,
        rollbacks: int = 2,
    ) -> None:
        if on_collapse not in CHOICES:
            raise UserError(f"callbacks.health.on_collapse={on_collapse}: choose one of {', '.join(CHOICES)}")
        self.folder, self.on_collapse, self.slower, self.rollbacks = Path(folder), on_collapse, slower, rollbacks
        self.history = History(fidelity, floor_db)
        self.told: list[dict[str, Any]] = []  # the lines of health.jsonl
        self.silent: list[str] = []  # rules that have been told
        self.slowed: dict[str, float] = {}
        self.collapse: Trouble | None = None  # not yet acted upon
        self.ended = False

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.history.rows, "validations": self.history.validations, "told": self.told,
                "silent": self.silent, "slowed": self.slowed}  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history.rows, self.history.validations = state_dict["rows"], state_dict["validations"]
        self.told, self.silent, self.slowed = (state_dict[name] for name in ("told", "silent", "slowed"))

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        pl_module.slower = self.slowed
        pl_module.listeners.append(lambda row: self.hear(trainer, pl_module, row))
        if trainer.is_global_zero and (self.told or self.file.exists()):
            self._write()  # what was told behind the checkpoint that the run goes on from will be told anew

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        self._act(trainer, pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self._act(trainer, pl_module)

    def hear(self, trainer: pl.Trainer, system: Any, row: dict[str, float]) -> None:
        """Judge a row of the curves, which all processes have alike."""
        self.history.add(trainer.global_step, system.phase, row)
        for rule in RULES:
            name = rule.__name__
            trouble = None if name in self.silent else rule(self.history)
            if trouble is not None:
                self.silent.append(name)
                self.tell(trainer, name, trouble.message, trouble.advice)
                if rule in COLLAPSES:
                    alert(trainer, "collapsed", trouble.message, "WARN")
                    self.collapse = self.collapse or trouble

    def tell(self, trainer: pl.Trainer, rule: str, message: str, advice: str = "") -> None:
        """One line, to the terminal and to the file."""
        self.told.append({"step": trainer.global_step, "rule": rule, "message": message, "advice": advice})
        if trainer.is_global_zero:
            print(f"\nhealth, step {trainer.global_step}: {message}" + (f"; {advice}" if advice else ""), flush=True)
            self._write()

    @property
    def taken_back(self) -> int:
        """How often the run has been."""
        return sum(line["rule"] == "rollback" for line in self.told)

    @property
    def file(self) -> Path:
        """One JSON a line."""
        return self.folder / "health.jsonl"

    def _write(self) -> None:
        write_text(self.file, "".join(f"{json.dumps(line)}\n" for line in self.told))

    def _act(self, trainer: pl.Trainer, system: Any) -> None:
        trouble, self.collapse = self.collapse, None
        if trouble is None or self.ended or self.on_collapse == "warn":
            return
        if self.on_collapse == "stop":
            self._stop(trainer, "stopped for that (callbacks.health.on_collapse=stop)")
        elif self.taken_back >= self.rollbacks:
            self._stop(trainer, f"stopped: it has been taken back {self.rollbacks} times (callbacks.health.rollbacks)")
        elif (found := self._kept_before(trainer, trouble.sound)) is None:
            self._stop(trainer, f"stopped: no checkpoint is kept from step {trouble.sound} or before to go back to; "
                                "callbacks.checkpoints.every_steps makes them more often")  # fmt: skip
        else:
            self._go_back(trainer, system, trouble, found)
            for callback in keepers(trainer):  # a resumed run shall not go back once more, to other files by then
                callback.keep_last(trainer, system)

    def _stop(self, trainer: pl.Trainer, message: str) -> None:
        self.ended = True
        self.tell(trainer, "stop", message)
        end(trainer)

    def _kept_before(self, trainer: pl.Trainer, sound: int) -> Path | None:
        """The newest checkpoint from `sound` or before, the choice of the first process."""
        files = [file for callback in keepers(trainer) for file in callback.folder.glob("*.ckpt")]
        steps = {file: _step_of(file) for file in files if file.name != "last.ckpt"} if trainer.is_global_zero else {}
        found = max(((step, file) for file, step in steps.items() if step <= sound), default=(0, None))[1]
        return trainer.strategy.broadcast(found)

    def _go_back(self, trainer: pl.Trainer, system: Any, trouble: Trouble, file: Path) -> None:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
        system.load_state_dict(checkpoint["state_dict"])
        for optimizer, state in zip(trainer.optimizers, checkpoint["optimizer_states"], strict=True):
            optimizer.load_state_dict(state)
        names = [each for each in trouble.slows if each in system.trained_networks]
        self.slowed.update({each: self.slower * self.slowed.get(each, 1.0) for each in names})
        step = checkpoint["global_step"]
        self.history.go_back(step)
        self.silent = [rule for rule in self.silent if rule not in {each.__name__ for each in COLLAPSES}]
        self.tell(trainer, "rollback", f"networks and optimizers taken back to step {step} ({file.name}); learning "
                                       f"rates of {' and '.join(names)} are {self.slower:g} times what they were",
                  )  # fmt: skip
        system.write_row({"health/rollbacks": float(self.taken_back)})


def _step_of(file: Path) -> int:
    return int(torch.load(file, map_location="cpu", weights_only=True, mmap=True)["global_step"])
