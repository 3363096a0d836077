"""What is kept of a run: `last.ckpt` to continue it, `best.ckpt` to use it, one checkpoint at the end of a phase."""

import os
import shutil
from math import isfinite
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from sr.errors import UserError
from sr.judge.figures import drawn_on
from sr.judge.table import columns_of

RISEN = 4.0  # times the lowest mean loss of the phase: more than one batch differs from another


class Checkpoints(Checkpoint):
    """Writes `<folder>/{last,best,healthy,<phase>}.ckpt`, each whole or not at all.

    Best means: in the pixel phase, highest fidelity; in the adversarial phase, lowest perceptual distance among the
    checkpoints whose fidelity is not too far below bicubic's. It starts anew with each phase, for no generator
    trained against a discriminator ever beats the PSNR of the one before. A perceptual distance that is a loss of the
    run does not choose: the next one on the perception axis does or, where there is none, fidelity.

    Healthy is the newest `last`, of those written every so many steps, whose weights were still good: the content loss
    of the very next step, which they give, was at most four times the lowest mean between two checkpoints. A run that
    diverges goes on from there.

    Where a step is both validated and kept, it is kept after its validation: a run that is killed in between repeats
    both, and chooses as if it had never been killed.

    Args:
        folder: for the checkpoints.
        every_steps: between two `last.ckpt`.
        fidelity: validation metric of the pixel phase, in dB, higher is better.
        perceptual: validation metric of the adversarial phase, lower is better.
        floor_db: how far below bicubic the fidelity may fall in the adversarial phase.
        keep: so many of the last ones are also kept as `step_00001000.ckpt`.
    """

    def __init__(
        self,
        folder: str,
        every_steps: int = 500,
        fidelity: str = "psnr_y",
        perceptual: str = "st_lpips",
        floor_db: float = 1.0,
        keep: int = 0,
    ) -> None:
        self.folder, self.every_steps, self.keep = Path(folder), every_steps, keep
        self.fidelity, self.perceptual, self.floor_db = fidelity, perceptual, floor_db
        self.judge = perceptual  # the metric that chooses in the adversarial phase
        self.best: dict[str, Any] = {"phase": None}
        self.lowest: dict[str, Any] = {"phase": None}  # mean content loss between two checkpoints
        self.content: tuple[Any, int] = 0.0, 0  # its sum since the last one, over how many steps
        self.unproven: int | None = None  # step of a `last` of which the next step has to say whether it is healthy

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "lowest": self.lowest, "content": (float(self.content[0]), self.content[1])}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict["best"]
        self.lowest, self.content = state_dict.get("lowest", self.lowest), state_dict.get("content", self.content)

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        goes_on = trainer.ckpt_path is not None and Path(trainer.ckpt_path) == self.folder / "last.ckpt"
        if goes_on and self._is_due(trainer, pl_module):  # as it was when it was written
            self.unproven = trainer.global_step
        known = list(pl_module.validation.metrics)
        for phase in pl_module.phase_steps() if trainer.enable_validation else ():
            for option in ("fidelity", "perceptual") if phase == "adversarial" else ("fidelity",):
                name = getattr(self, option)
                if name not in known:
                    raise UserError(f"callbacks.checkpoints.{option}={name} chooses the best of the {phase} phase, but "
                                    f"the metrics are {known}; add metrics.{name} or name another")  # fmt: skip
        columns = columns_of(pl_module.validation.metrics, pl_module.trains_on)
        if self.perceptual in columns and columns[self.perceptual].trained_on:
            lower = {name: column for name, column in columns.items() if not column.higher_is_better}
            self.judge = drawn_on(lower, "perception") or self.fidelity
            if trainer.is_global_zero:
                print(f"{self.perceptual} is a loss of this run and judges it no longer: the best checkpoint is that "
                      f"of {self.judge}; add a metric or set callbacks.checkpoints.perceptual for another choice",
                      flush=True)  # fmt: skip

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        newest, (total, steps) = pl_module.watch.content, self.content
        self.content = total + newest.float(), steps + 1
        if self.unproven == trainer.global_step - 1 or self.lowest["phase"] != pl_module.phase:
            self._prove(trainer, pl_module.phase, float(newest))
        ended = pl_module.phase_ends.get(trainer.global_step)
        if ended is not None:
            pl_module.read_watched()
            self._save(trainer, ended)
        if self._is_due(trainer, pl_module) and not validation_is_due(trainer):
            self.keep_last(trainer, pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        pl_module.read_watched()  # raises where the weights are no longer finite, so that none such is kept
        phase, scores, cost = pl_module.phase, scores_of(trainer), self.cost(trainer, pl_module)
        if phase != self.best["phase"] or cost < self.best["cost"]:
            self.best = {"phase": phase, "cost": cost, "step": trainer.global_step, "scores": scores}
            self._save(trainer, "best")
        if self._is_due(trainer, pl_module):
            self.keep_last(trainer, pl_module)

    def cost(self, trainer: pl.Trainer, pl_module: Any) -> float:
        """Of the newest validation: lower is better; a checkpoint too far below bicubic has infinite cost."""
        scores = scores_of(trainer)
        cost = -scores[self.fidelity]
        if pl_module.phase != "adversarial":
            return cost
        if scores[self.fidelity] < pl_module.validation.bicubic[self.fidelity] - self.floor_db:
            return float("inf")
        return cost if self.judge == self.fidelity else scores[self.judge]

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.keep_last(trainer, pl_module)

    def _is_due(self, trainer: pl.Trainer, pl_module: Any) -> bool:
        return trainer.global_step % self.every_steps == 0 or trainer.global_step in pl_module.phase_ends

    def keep_last(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """`last.ckpt`, and under its other names what it was until now."""
        pl_module.read_watched()
        total, steps = self.content
        due = self._is_due(trainer, pl_module)
        if steps and due:
            self.lowest["loss"] = min(self.lowest["loss"], float(total) / steps)
            self.content = 0.0, 0
        self._save(trainer, "last")
        self.unproven = trainer.global_step if due else None
        last = self.folder / "last.ckpt"
        if trainer.is_global_zero and self.keep:
            _same_file(last, self.folder / f"step_{trainer.global_step:08d}.ckpt")
            for old in sorted(self.folder.glob("step_*.ckpt"))[: -self.keep]:
                old.unlink()

    def _prove(self, trainer: pl.Trainer, phase: str, loss: float) -> None:
        """Call `last` healthy, too, where the loss of its weights is; the first loss of a phase is all there is."""
        if self.lowest["phase"] != phase and isfinite(loss):
            self.lowest = {"phase": phase, "loss": loss}
        healthy = loss <= RISEN * self.lowest.get("loss", 0.0)
        if self.unproven == trainer.global_step - 1 and healthy and trainer.is_global_zero:
            _same_file(self.folder / "last.ckpt", self.folder / "healthy.ckpt")
        self.unproven = None

    def _save(self, trainer: pl.Trainer, name: str) -> None:
        """Whole or not at all, also where Lightning's temporary folder is on another disk and its rename a copy."""
        target = self.folder / f"{name}.ckpt"
        beside = target.with_name(f".{target.name}~")
        try:
            trainer.save_checkpoint(beside)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        if trainer.is_global_zero:
            beside.replace(target)


def keepers(trainer: pl.Trainer) -> list[Checkpoints]:
    """Those of this run."""
    return [callback for callback in trainer.checkpoint_callbacks if isinstance(callback, Checkpoints)]


def scores_of(trainer: pl.Trainer) -> dict[str, float]:
    """Metric -> its value in the newest validation."""
    values = trainer.callback_metrics.items()  # the bar's loss is among them, whose mean a stop cuts short
    return {name.removeprefix("val/"): float(value) for name, value in values if name.startswith("val/")}


def validation_is_due(trainer: pl.Trainer) -> bool:
    """Whether Lightning validates after this step."""
    every = trainer.val_check_batch
    return bool(trainer.enable_validation and every) and trainer.global_step % every == 0  # type: ignore[operator]


def _same_file(source: Path, target: Path) -> None:
    """Another name for it, without a copy where the file system can do that."""
    beside = target.with_name(f".{target.name}~")
    beside.unlink(missing_ok=True)
    try:
        os.link(source, beside)
    except OSError:
        shutil.copyfile(source, beside)
    beside.replace(target)
