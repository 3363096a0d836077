"""Hydra's sweeper that asks Optuna for the jobs: `python -m sr.train -m hydra/sweeper=search ...`."""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import CompactHydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from .pruning import Pruned
from .space import size_of, space_of
from .study import JOB, jobs_in, studies_of

PATIENCE = 10  # proposals that are known already, before the next are drawn at random: TPE keeps to its best point
TRIES = 500  # before nothing new is expected any more


class Search(Sweeper):
    """Jobs as Optuna's TPE proposes them (Bergstra et al., NeurIPS 2011), one batch after the other.

    The study lies in the sweep's folder. With `resume=auto` it goes on: what was interrupted is finished first, no
    point is tried twice, and `n_trials` counts those of all sessions.

    Args:
        objectives: name -> minimize or maximize; names are metrics of the validation, or cost: what chooses the best
            checkpoint. The values are those of the best checkpoint.
        n_trials: jobs in all.
        n_jobs: jobs proposed at once; None: as many as the launcher runs at once.
        seed: of the proposals.
        startup_trials: at random, before the others follow from them.
        prune: {"after_trials", "after_steps"}: a job that is behind the median of so many others by each objective ends
            early; None: none does.
        params: option -> what it is searched over, as on the command line.
    """

    def __init__(
        self,
        objectives: Mapping[str, str],
        n_trials: int,
        n_jobs: int | None,
        seed: int,
        startup_trials: int,
        prune: Mapping[str, int] | None,
        params: Mapping[str, Any] | None,
    ) -> None:
        self.objectives, self.n_trials, self.n_jobs = dict(objectives), n_trials, n_jobs
        self.seed, self.startup_trials = seed, startup_trials
        self.prune, self.params = prune and dict(prune), dict(params or {})

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self.n_jobs = self.n_jobs or max(int(config.hydra.launcher.get("n_jobs", 1)), 1)

    def sweep(self, arguments: list[str]) -> list[JobReturn]:
        try:
            import optuna
        except ImportError:
            raise CompactHydraException("hydra/sweeper=search needs Optuna; pip install 'sr[search]'") from None
        given = [*(f"{option}={value}" for option, value in self.params.items()), *arguments]
        assert self.hydra_context is not None
        assert self.config is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        last = {override.get_key_element(): override for override in parser.parse_overrides(given)}
        fixed, space = space_of(list(last.values()))
        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        pruner = optuna.pruners.NopPruner()  # jobs have their own: see pruning.py
        study, beside = studies_of(folder, self.objectives, self.seed, self.startup_trials, pruner)
        study.set_user_attr("prune", self.prune)
        self._check(study, space)

        done: list[JobReturn] = []
        interrupted = {job: trial for job, trial in jobs_in(study).items() if not trial.state.is_finished()}
        for batch in _consecutive(interrupted):
            done += self._run(study, beside, fixed, batch)
        while batch := self._propose(study, beside, space):
            done += self._run(study, beside, fixed, batch)
        for job in done:
            if job.status == JobStatus.FAILED and not isinstance(_error(job), Pruned):
                raise _error(job)  # all others have run
        return done

    def _check(self, study: Any, space: Mapping[str, Any]) -> None:
        """Refuse to go on with the study of another search."""
        told = {option: repr(distribution) for option, distribution in space.items()}
        before = study.user_attrs.get("space", told)
        if before != told:
            raise CompactHydraException(f"the study that is there searches {before}, not {told}; start a new one "
                                        "without resume, or repeat its command")  # fmt: skip
        study.set_user_attr("space", told)

    def _propose(self, study: Any, beside: Sequence[Any], space: dict[str, Any]) -> dict[int, dict[str, Any]]:
        """Number of the job -> values of its options, for the next jobs; none where all are done."""
        from optuna.samplers import RandomSampler
        from optuna.trial import TrialState

        known = jobs_in(study)
        seen = [trial.params for trial in known.values()]
        first = max(known, default=-1) + 1
        batch: dict[int, dict[str, Any]] = {}
        left = min(self.n_trials, size_of(space)) - len(known)
        sampler, again = study.sampler, 0
        while len(batch) < min(self.n_jobs or 1, left) and again < TRIES:
            if again == PATIENCE:
                study.sampler = RandomSampler(self.seed + len(known))
            trial = study.ask(fixed_distributions=space)
            if trial.params in seen:
                study.tell(trial, state=TrialState.FAIL)
                again += 1
                continue
            seen.append(trial.params)
            job = first + len(batch)
            for each in (trial, *(other.ask() for other in beside)):
                each.set_user_attr(JOB, job)
            batch[job] = trial.params
        study.sampler = sampler
        return batch

    def _run(self, study: Any, beside: Sequence[Any], fixed: list[str], batch: Mapping[int, Any]) -> list[JobReturn]:
        """Launch these jobs, whose numbers follow each other, and tell the studies how they ended."""
        overrides = [[*fixed, *(f"{option}={value}" for option, value in params.items())] for params in batch.values()]
        assert self.launcher is not None
        self.validate_batch_is_legal(overrides)
        returned = list(self.launcher.launch(overrides, initial_job_idx=min(batch)))
        for job, result in zip(batch, returned, strict=True):
            _tell(study, job, result, range(len(self.objectives)))
            for i, other in enumerate(beside):
                _tell(other, job, result, [i])
        return returned


def _tell(study: Any, job: int, result: JobReturn, which: Sequence[int]) -> None:
    from optuna.trial import TrialState

    trial = jobs_in(study).get(job)
    if trial is None or trial.state.is_finished():
        return
    if result.status != JobStatus.COMPLETED:
        state = TrialState.PRUNED if isinstance(_error(result), Pruned) else TrialState.FAIL
        study.tell(trial.number, state=state)
        return
    values = result.return_value
    if any(value is None for value in values):  # it was paused
        return
    study.tell(trial.number, [float(values[i]) for i in which])


def _error(job: JobReturn) -> BaseException:
    return job._return_value  # what the property would raise, behind a line of its own on stderr


def _consecutive(jobs: Mapping[int, Any]) -> list[dict[int, Any]]:
    """Trials in groups whose job numbers follow each other: number -> values of the options."""
    groups = groupby(enumerate(sorted(jobs)), key=lambda pair: pair[1] - pair[0])
    return [{job: jobs[job].params for _, job in group} for _, group in groups]


def register() -> None:
    """Make it known to Hydra, which looks for plugins by names below hydra_plugins alone."""
    plugins = Plugins.instance()
    try:
        parent = import_module("hydra_plugins")
    except ImportError:  # there are no others
        parent = sys.modules.setdefault("hydra_plugins", ModuleType("hydra_plugins"))
        parent.__path__ = []
    ours = ModuleType("hydra_plugins.sr")
    ours.Search = Search  # type: ignore[attr-defined]
    parent.sr, sys.modules[ours.__name__], Search.__module__ = ours, ours, ours.__name__  # type: ignore[attr-defined]
    plugins.register(Search)
