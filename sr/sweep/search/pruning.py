"""How a job tells its search what it has reached so far, and learns that it has fallen behind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..jobs import JobError
from .study import FILE, MAIN, jobs_in, storage_of, watched


class Pruned(JobError):
    """The search ended this job early: others had come further by then."""

    status = "pruned"


class Reporter:
    """The trials of one job, one for each objective.

    Args:
        sweep: folder of the sweep.
        job: its number.
    """

    def __init__(self, sweep: Path, job: int) -> None:
        import optuna

        storage = storage_of(sweep)
        main = optuna.load_study(study_name=MAIN, storage=storage)
        self.objectives = list(main.user_attrs["objectives"])
        pruner = _pruner(main.user_attrs.get("prune"))
        self.trials = []
        for name in watched(self.objectives):
            study = optuna.load_study(study_name=name, storage=storage, pruner=pruner)
            trial = jobs_in(study)[job]
            study_id = storage.get_study_id_from_name(name)
            trial_id = storage.get_trial_id_from_study_id_trial_number(study_id, trial.number)
            self.trials.append((optuna.trial.Trial(study, trial_id), set(trial.intermediate_values)))

    @staticmethod
    def of(folder: Path) -> "Reporter | None":
        """That of the job in this folder, if a search proposed it."""
        searched = (folder.parent / FILE).exists() and folder.name.isdigit()
        return Reporter(folder.parent, int(folder.name)) if searched else None

    def falls_behind(self, values: Mapping[str, float], step: int) -> bool:
        """Report the values of a validation; whether the job is behind by each of the objectives."""
        behind = []
        for name, (trial, known) in zip(self.objectives, self.trials, strict=True):
            if step not in known:  # a resumed job validates again
                trial.report(values[name], step)
                known.add(step)
            behind.append(trial.should_prune())
        return all(behind)


def _pruner(options: Mapping[str, int] | None) -> Any:
    from optuna import pruners

    if options is None:
        return pruners.NopPruner()
    return pruners.MedianPruner(n_startup_trials=options["after_trials"], n_warmup_steps=options["after_steps"],
                                n_min_trials=options["after_trials"])  # fmt: skip
