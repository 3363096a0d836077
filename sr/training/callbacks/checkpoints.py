"""What is kept of a run: `last.ckpt` to continue it, `best.ckpt` to use it, one checkpoint at the end of a phase."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint


class Checkpoints(Checkpoint):
    """Writes `<folder>/{last,best,<phase>}.ckpt`, each whole or not at all.

    Best means: in the pixel phase, highest fidelity; in the adversarial phase, lowest perceptual distance among the
    checkpoints whose fidelity is not too far below bicubic's. It starts anew with each phase, for no generator
    trained against a discriminator ever beats the PSNR of the one before.

    Args:
        folder: for the checkpoints.
        every_steps: between two `last.ckpt`.
        fidelity: validation metric of the pixel phase, in dB, higher is better.
        perceptual: validation metric of the adversarial phase, lower is better.
        floor_db: how far below bicubic the fidelity may fall in the adversarial phase.
    """

    def __init__(
        self,
        folder: str,
        every_steps: int = 500,
        fidelity: str = "psnr_y",
        perceptual: str = "st_lpips",
        floor_db: float = 1.0,
    ) -> None:
        self.folder, self.every_steps = Path(folder), every_steps
        self.fidelity, self.perceptual, self.floor_db = fidelity, perceptual, floor_db
        self.best: dict[str, Any] = {"phase": None}

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict["best"]

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        step = trainer.global_step
        ended = pl_module.phase_ends.get(step)
        if ended is not None or step % self.every_steps == 0:
            pl_module.read_watched()  # raises where the weights are no longer numbers, so that none such is kept
            for name in ("last", ended) if ended is not None else ("last",):
                self._save(trainer, name)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        scores = {name.removeprefix("val/"): float(value) for name, value in trainer.callback_metrics.items()}
        phase = pl_module.phase
        # Cost: lower is better, and what is not allowed costs infinitely much.
        cost = -scores[self.fidelity]
        if phase == "adversarial":
            allowed = scores[self.fidelity] >= pl_module.validation.bicubic[self.fidelity] - self.floor_db
            cost = scores[self.perceptual] if allowed else float("inf")
        if phase != self.best["phase"] or cost < self.best["cost"]:
            self.best = {"phase": phase, "cost": cost, "step": trainer.global_step}
            self._save(trainer, "best")

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        pl_module.read_watched()
        self._save(trainer, "last")

    def on_exception(self, trainer: pl.Trainer, pl_module: Any, exception: BaseException) -> None:
        if getattr(exception, "weights_are_good", False):
            self._save(trainer, "last")

    def _save(self, trainer: pl.Trainer, name: str) -> None:
        trainer.save_checkpoint(self.folder / f"{name}.ckpt")  # Lightning writes beside it and renames
