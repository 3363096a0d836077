"""The jobs of a sweep: how each ended, and what is different in it."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import CompactHydraException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from sr.atomic import write_text
from sr.errors import mistake

from .shares import take_share

ENDED = "ended.json"  # in the folder of a job that did not finish: {"status", "message"}


class JobError(CompactHydraException):
    """What ends one job; Hydra goes on with the next one and tells at the end.

    Args:
        told: which job, and why.
        sentence: why.
    """

    status = "failed"

    def __init__(self, told: str, sentence: str = "") -> None:
        super().__init__(told)
        self.sentence = sentence

    def __reduce__(self) -> tuple[Any, ...]:  # a launcher may send it between processes
        return type(self), (str(self), self.sentence)


@dataclass(frozen=True)
class Job:
    """One job, as its folder tells.

    Args:
        number: its place in the sweep.
        folder: of its run.
        given: all its options, as on the command line.
        options: in which it differs from another job of the sweep, as on the command line.
        status: finished, failed, pruned by a search, or unfinished where it was interrupted or still goes on.
        message: why it failed or was pruned.
    """

    number: int
    folder: Path
    given: tuple[str, ...]
    options: tuple[str, ...]
    status: str
    message: str = ""

    @property
    def point(self) -> tuple[str, ...]:
        """Its options without the seed: what jobs share that repeat each other."""
        return tuple(option for option in self.options if not option.startswith("seed="))

    @property
    def seed(self) -> str:
        """As it was swept; empty where all jobs have the same one."""
        return next((option[len("seed=") :] for option in self.options if option.startswith("seed=")), "")


class Jobs(Callback):
    """Hydra's callback that notes how each job of a sweep ends, in whatever process it runs."""

    sweep: ClassVar[Path | None] = None  # folder of the sweep that this process leads

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        Jobs.sweep = Path(config.hydra.sweep.dir).resolve()

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        if config.hydra.mode == RunMode.MULTIRUN:
            (Path(config.hydra.runtime.output_dir) / ENDED).unlink(missing_ok=True)
            if "joblib" in config.hydra.launcher._target_:
                take_share(Path(config.hydra.sweep.dir))

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        if config.hydra.mode == RunMode.MULTIRUN and job_return.status == JobStatus.FAILED:
            error = job_return._return_value  # what the property would raise, behind a line of its own on stderr
            status, message = "failed", mistake(error)
            if isinstance(error, JobError):
                status, message = error.status, error.sentence
            told = {"status": status, "message": message}
            write_text(Path(config.hydra.runtime.output_dir) / ENDED, json.dumps(told) + "\n")


def jobs_of(sweep: Path) -> list[Job]:
    """The jobs that have been started in this folder, in their order."""
    folders = sorted((path.parents[1] for path in sweep.glob("*/.hydra/overrides.yaml")), key=_number)
    given = [_options(folder) for folder in folders]
    common = set(given[0]).intersection(*given) if len(given) > 1 else set()
    return [
        Job(_number(folder), folder, tuple(options), tuple(o for o in options if o not in common), **_end(folder))
        for folder, options in zip(folders, given, strict=True)
    ]


def _end(folder: Path) -> dict[str, str]:
    if (folder / "README.md").exists():
        return {"status": "finished"}
    return json.loads((folder / ENDED).read_text()) if (folder / ENDED).exists() else {"status": "unfinished"}


def _number(folder: Path) -> int:
    return int(folder.name) if folder.name.isdigit() else 0


def overrides(folder: Path) -> list[str]:
    """Options that a run was given on its command line, or by its sweep; none where nobody has noted them."""
    file = folder / ".hydra" / "overrides.yaml"
    return [str(override) for override in OmegaConf.load(file)] if file.exists() else []


def _options(folder: Path) -> list[str]:
    return [one for one in overrides(folder) if not one.lstrip("+").startswith(("resume=", "sweep="))]


def swept() -> list[str]:
    """Options of this job that the command line of its sweep does not have in the same words."""
    hydra = HydraConfig.get()
    file = Path(hydra.sweep.dir) / "multirun.yaml"  # a job in a process of its own sees no command line
    given = OmegaConf.load(file).hydra.overrides.task if file.exists() else sys.argv
    return [override for override in hydra.overrides.task if override not in given]


def title(name: str) -> str:
    """How a run is called on a dashboard: its name and, in a sweep, what is different in it."""
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return name
    return " ".join([name, *swept()])


def fail(sentence: str) -> JobError:
    """Say at once what ends this job; the error for Hydra."""
    told = f"job {HydraConfig.get().job.num} ({', '.join(swept())}): {sentence}"
    print(f"error: {told}", file=sys.stderr, flush=True)
    return JobError(told, sentence)
