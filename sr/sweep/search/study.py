"""The study of a search: a SQLite file in the sweep's folder, which a later session goes on with."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = "study.db"
MAIN = "search"  # name of the study in the file
JOB = "job"  # a trial's attribute: the number of its job


def storage_of(sweep: Path) -> Any:
    """Optuna's storage; jobs that run at once wait for each other."""
    from optuna.storages import RDBStorage

    return RDBStorage(f"sqlite:///{sweep.resolve() / FILE}", engine_kwargs={"connect_args": {"timeout": 60}})


def watched(objectives: list[str]) -> list[str]:
    """Names of the studies that hold the values of intermediate validations, in the order of the objectives.

    Optuna reports and prunes trials of one objective alone. Where there are several, each has a study of its own beside
    the main one, whose trials are the same jobs.
    """
    return [MAIN] if len(objectives) == 1 else [f"{MAIN}/{name}" for name in objectives]


def studies_of(
    sweep: Path, objectives: Mapping[str, str], seed: int, startup_trials: int, pruner: Any
) -> tuple[Any, list[Any]]:
    """The main study, and those beside it; made where there are none yet.

    Args:
        sweep: folder of the sweep.
        objectives: name -> minimize or maximize.
        seed: of the sampler; how many trials there are is added, so that a continued search proposes something new.
        startup_trials: at random, before the others follow from them.
        pruner: Optuna's.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = storage_of(sweep)
    names = [name for name in watched(list(objectives)) if name != MAIN]

    def opened(name: str, directions: Any, **how: Any) -> Any:
        return optuna.create_study(storage=storage, study_name=name, directions=directions, load_if_exists=True, **how)

    main = opened(MAIN, list(objectives.values()), pruner=pruner)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        main.sampler = optuna.samplers.TPESampler(
            seed=seed + len(main.get_trials(deepcopy=False)), n_startup_trials=startup_trials, constant_liar=True
        )
    main.set_user_attr("objectives", dict(objectives))
    return main, [opened(name, [way]) for name, way in zip(names, objectives.values(), strict=bool(names))]


def jobs_in(study: Any) -> dict[int, Any]:
    """Number of the job -> its trial."""
    return {trial.user_attrs[JOB]: trial for trial in study.get_trials(deepcopy=False) if JOB in trial.user_attrs}
