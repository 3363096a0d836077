"""Where the curves go: one CSV in the run's folder, and Weights & Biases."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning import Trainer
from pytorch_lightning.loggers import Logger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only
from typing_extensions import override

from sr.atomic import write_text
from sr.errors import reason
from sr.judge.environment import checkout

from .lightning import without_anonymous


class Curves(Logger):
    """`curves.csv`: a row each time something is logged, a column for each name, `step` first.

    A resumed run goes on in the same file, behind the step at which it resumes. (Lightning's CSVLogger deletes the
    earlier rows then.)

    Args:
        file: to write.
    """

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = Path(file)
        self.columns: list[str] = []

    @property
    @override
    def name(self) -> str:
        return "curves"

    @property
    @override
    def version(self) -> str:
        return ""

    @override
    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """config.yaml has them."""

    @override
    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        row = {"step": step, **metrics}
        if not self.columns:
            self._continue(step or 0)
        new = [name for name in row if name not in self.columns]
        if new:  # the header changes: write all anew, whole or not at all
            rows = self._rows()
            self.columns += new
            self._replace([*rows, row])
            return
        with open(self.file, "a", newline="") as file:
            csv.DictWriter(file, self.columns).writerow(row)

    def _continue(self, step: int) -> None:
        """Keep what an earlier part of this run wrote before `step`."""
        if self.file.exists():
            rows = self._rows()
            self.columns = list(rows[0]) if rows else []
            self._replace([row for row in rows if int(row["step"]) < step])

    def _rows(self) -> list[dict[str, Any]]:
        if not self.file.exists():
            return []
        with open(self.file, newline="") as file:
            return list(csv.DictReader(file))

    def _replace(self, rows: list[dict[str, Any]]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.file, text.getvalue())


def wandb(
    project: str, folder: str, name: str, group: str | None = None, timeout_s: int = 30, tags: Sequence[str] = ()
) -> WandbLogger:
    """A W&B logger that never asks and never fails a run.

    The mode is WANDB_MODE where that is set, online where a key is at hand, otherwise offline. A server that does not
    answer makes it offline too. The run's id comes from its folder, so that a resumed run goes on in the same charts.

    Args:
        project: on the dashboard.
        folder: of the run; W&B writes to `folder/wandb`.
        name: of the run.
        group: of runs that belong together, a sweep for instance.
        timeout_s: for the server's first answer.
        tags: of the run.
    """
    import wandb as api

    say = rank_zero_only(print)

    mode = os.environ.get("WANDB_MODE") or ("online" if has_login() else "offline")
    path = Path(folder).resolve()

    if api.run is not None:
        api.finish()  # of an earlier job of a sweep, which Lightning would go on writing to

    def make(mode: str) -> WandbLogger:
        # The commit and its diff are those of this code, wherever the command was given.
        settings = api.Settings(init_timeout=timeout_s, silent=True, git_root=checkout())
        Path(folder).mkdir(parents=True, exist_ok=True)
        logger = WandbLogger(name=name, save_dir=folder, project=project, id=f"{path.parent.name}-{path.name}",
                             resume="allow", group=group, tags=list(tags), settings=settings, mode=mode)  # fmt: skip
        without_anonymous(logger)
        return logger

    logger = make(mode)
    if mode == "offline":
        say(f"W&B is offline; to upload this run later: wandb sync {path}/wandb/offline-run-*")
    else:
        try:
            _ = logger.experiment
        except (api.errors.CommError, api.errors.UsageError) as error:
            say(f"W&B does not answer ({reason(error)}); going on offline")
            api.teardown()  # its service still holds the run that it could not start
            logger = make("offline")
    return logger


def wandb_runs(trainer: Trainer) -> list[Any]:
    """W&B's own objects of this run; none where it has no such logger, or in another process than the first."""
    loggers = trainer.loggers if trainer.is_global_zero else []
    return [logger.experiment for logger in loggers if isinstance(logger, WandbLogger)]


def alert(trainer: Trainer, title: str, text: str, level: str = "INFO") -> None:
    """Let W&B tell whoever wants to be told; nothing waits for it.

    Args:
        trainer: of the run, whose name comes before the title.
        title: a word or two.
        text: what happened.
        level: INFO, WARN or ERROR.
    """
    for run in wandb_runs(trainer):
        run.alert(f"{run.name}: {title}"[:63], text, level, wait_duration=0)


def has_login() -> bool:
    """Whether wandb knows a login for the configured server, by its own rules; nothing is asked or sent."""
    import wandb as api

    settings = api.setup().settings
    try:
        from wandb.sdk.lib.wbauth import authenticate_session
    except ImportError:  # before this module there was another
        from wandb.sdk.lib.apikey import api_key  # type: ignore[import-not-found]

        return bool(api_key(settings))
    login = authenticate_session(host=settings.base_url, source="sr", prompt=False, update_session=False)
    return login is not None
