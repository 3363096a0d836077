"""What W&B is told of a run beside its curves: the best values, its end, and on request its weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from sr.errors import reason
from sr.judge.environment import commit
from sr.judge.table import Column, table

from ..loggers import alert, wandb_runs
from ..system import NonFiniteError


class WandbRun(pl.Callback):
    """Keeps a W&B run's summary, sends its alerts and its artifact; without W&B it does nothing.

    The summary has, for each validation metric, `best/NAME`, `best/NAME_step` and `bicubic/NAME`. A resumed run goes on
    from the best of before. The commit goes to the configuration, and `code.diff` to the files of the run.

    Args:
        folder: of the run.
        alerts: send one where the run ends, diverges or fails; `alert` in sr/training/loggers.py is for others.
        weights: send the kept weights with the run's card as an artifact; offline, W&B copies them into its own folder
            until `wandb sync`.
    """

    def __init__(self, folder: str, alerts: bool = True, weights: bool = False) -> None:
        self.folder, self.alerts, self.weights = Path(folder), alerts, weights
        self.best: dict[str, tuple[float, int]] = {}  # metric -> value and step

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = {name: (value, step) for name, (value, step) in state_dict["best"].items()}

    def on_fit_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        for run in wandb_runs(trainer):
            run.config.update({"commit": commit()}, allow_val_change=True)
            if (file := self.folder / "code.diff").exists():
                run.save(str(file), base_path=str(self.folder), policy="now")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if trainer.sanity_checking:
            return
        for name, metric in pl_module.validation.metrics.items():
            value = float(trainer.callback_metrics[f"val/{name}"])
            before, _ = self.best.get(name, (None, 0))
            lower = metric.higher_is_better is False
            if value == value and (before is None or (value < before if lower else value > before)):
                self.best[name] = value, trainer.global_step
        told: dict[str, float] = {}
        for name, (value, step) in self.best.items():
            told |= {f"best/{name}": value, f"best/{name}_step": step}
        told |= {f"bicubic/{name}": value for name, value in pl_module.validation.bicubic.items()}
        for run in wandb_runs(trainer):
            run.summary.update(told)

    def on_exception(self, trainer: pl.Trainer, pl_module: Any, exception: BaseException) -> None:
        if self.alerts and isinstance(exception, Exception):  # Ctrl-C is none
            title = "diverged" if isinstance(exception, NonFiniteError) else "failed"
            alert(trainer, title, f"step {trainer.global_step}: {reason(exception)}", "ERROR")

    def finish(
        self, trainer: pl.Trainer, columns: Mapping[str, Column], rows: Sequence[Mapping[str, Any]], model: str
    ) -> None:
        """The run has ended: its card is written, its weights are there.

        Args:
            trainer: of the run.
            columns, rows: of its table.
            model: of the table, the one that the run is for; its scores on the validation images are `final/NAME`, on
                the other sets `final/SET/NAME`.
        """
        ours = [row for row in rows if row["model"] == model]
        final = {f"final/{row['set']}/{name}": row.get(name) for row in ours[1:] for name in columns}
        final |= {f"final/{name}": row.get(name) for row in ours[:1] for name in columns}
        for run in wandb_runs(trainer):
            run.summary.update({name: value for name, value in final.items() if value is not None})
            if self.weights:
                self._send(run, rows)
        if self.alerts:
            alert(trainer, "finished", f"{trainer.global_step} steps\n\n{table(columns, rows)}")

    def _send(self, run: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        import wandb

        folder = self.folder.resolve()
        artifact = wandb.Artifact(f"{folder.parent.name}-{folder.name}", "model", metadata={"scores": list(rows)})
        for name in ("README.md", "metrics.json", "config.yaml", "samples/final.png"):
            artifact.add_file(str(folder / name), name=name)
        for file in sorted((folder / "weights").glob("*.safetensors")):
            artifact.add_file(str(file), name=f"weights/{file.name}")
        run.log_artifact(artifact, aliases=["final"])
