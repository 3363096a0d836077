"""The search: what it proposes, goes on with, prunes and tells; Optuna alone decides which point is next."""

import ast
from pathlib import Path

import optuna
import pytest
from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import CompactHydraException
from hydra.types import HydraContext
from omegaconf import OmegaConf

from sr.sweep.search import Pruned, Reporter, Search
from sr.sweep.search.study import MAIN, jobs_in, storage_of

ROOT = Path(__file__).resolve().parents[3]
ONE = {"cost": "minimize"}
TWO = {"st_lpips": "minimize", "psnr_y": "maximize"}


class Launcher:
    """Runs `job(number, values of x and y)` in this process."""

    def __init__(self, job):
        self.job, self.ran = job, []

    def launch(self, job_overrides, initial_job_idx):
        returned = []
        for i, overrides in enumerate(job_overrides):
            options = dict(override.split("=") for override in overrides)
            self.ran.append((initial_job_idx + i, options))
            result = JobReturn(status=JobStatus.COMPLETED)
            try:
                result.return_value = self.job(initial_job_idx + i, options)
            except Exception as error:
                result.status, result.return_value = JobStatus.FAILED, error
            returned.append(result)
        return returned


class Loader(ConfigLoader):
    def load_sweep_config(self, master_config, sweep_overrides):
        return master_config


Loader.__abstractmethods__ = frozenset()


@pytest.fixture
def search(tmp_path):
    def search(job, *given, objectives=ONE, n_trials=6, prune=None, n_jobs=1, startup=4):
        sweeper = Search(objectives, n_trials, n_jobs, 0, startup, prune, {})
        sweeper.config = OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}})
        sweeper.hydra_context = HydraContext(config_loader=Loader(), callbacks=None)
        sweeper.launcher = Launcher(job)
        try:
            sweeper.sweep(list(given))
        finally:
            search.ran = sweeper.launcher.ran
        return sweeper.launcher.ran

    return search


def study_in(folder):
    return optuna.load_study(study_name=MAIN, storage=storage_of(folder))


def points(ran):
    return [tuple(sorted(options.items())) for _, options in ran]


def bowl(_, options):
    return [(float(options["x"]) - 0.3) ** 2]


def test_it_finds_the_lowest_place(search, tmp_path):
    search(bowl, "x=interval(0,1)", n_trials=25, startup=8)
    best = study_in(tmp_path).best_trial
    assert abs(best.params["x"] - 0.3) < 0.05
    assert abs(study_in(tmp_path).trials[0].params["x"] - 0.3) > abs(best.params["x"] - 0.3)


def test_a_continued_search_counts_what_was_done_and_repeats_no_point(search, tmp_path):
    first = search(bowl, "x=interval(0,1)", n_trials=4)
    assert search(bowl, "x=interval(0,1)", n_trials=4) == []
    second = search(bowl, "x=interval(0,1)", n_trials=7)
    assert [job for job, _ in second] == [4, 5, 6]
    assert len(set(points(first + second))) == 7


def test_points_of_a_small_space_are_each_tried_once(search):
    ran = search(bowl, "x=range(0,3)", "y=a,b", n_trials=50)
    assert len(ran) == len(set(points(ran))) == 6
    assert [job for job, _ in ran] == list(range(6))


def test_what_was_interrupted_is_finished_first_under_its_number(search, tmp_path):
    def killed(job, options):
        if job == 2:
            raise KeyboardInterrupt
        return bowl(job, options)

    with pytest.raises(KeyboardInterrupt):
        search(killed, "x=interval(0,1)", n_trials=5)
    interrupted = search.ran[-1]
    assert jobs_in(study_in(tmp_path))[2].state == optuna.trial.TrialState.RUNNING
    again = search(bowl, "x=interval(0,1)", n_trials=5)
    assert again[0] == interrupted
    assert [job for job, _ in again] == [2, 3, 4]
    assert all(trial.state == optuna.trial.TrialState.COMPLETE for trial in jobs_in(study_in(tmp_path)).values())


def test_a_failed_job_ends_itself_alone_and_is_told_at_the_end(search, tmp_path):
    def job(number, options):
        if number == 1:
            raise RuntimeError("broken")
        return bowl(number, options)

    with pytest.raises(RuntimeError, match="broken"):
        search(job, "x=interval(0,1)", n_trials=4)
    states = [trial.state.name for trial in jobs_in(study_in(tmp_path)).values()]
    assert states == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]


def test_jobs_at_once_are_different(search):
    ran = search(bowl, "x=range(0,8)", n_trials=8, n_jobs=3)
    assert len(set(points(ran))) == 8


def test_two_objectives_have_a_front(search, tmp_path):
    search(lambda _, o: [float(o["x"]), float(o["x"]) * float(o["y"])], "x=interval(0,1)", "y=interval(0,1)",
           objectives=TWO, n_trials=8)  # fmt: skip
    study = study_in(tmp_path)
    assert [direction.name for direction in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert len(study.best_trials) >= 1


@pytest.mark.parametrize("objectives", [ONE, TWO], ids=["one", "two"])
def test_a_job_behind_all_others_is_pruned(search, tmp_path, objectives):
    """Later jobs are worse; of two objectives, being behind in one is not enough."""
    steps = {}

    def job(number, options):
        reporter = Reporter(tmp_path, number)
        for step in (10, 20, 30):
            cost = 0.0 if number == 6 else number
            values = {"cost": cost, "st_lpips": cost, "psnr_y": -float(number)}
            steps[number] = step
            if reporter.falls_behind(values, step):
                raise Pruned("behind", "behind")
        return [values[name] for name in objectives]

    search(job, "x=interval(0,1)", objectives=objectives, prune={"after_trials": 2, "after_steps": 10}, n_trials=7)
    states = {number: trial.state.name for number, trial in jobs_in(study_in(tmp_path)).items()}
    assert states == {0: "COMPLETE", 1: "COMPLETE", **dict.fromkeys((2, 3, 4, 5), "PRUNED"), 6: "COMPLETE"}
    assert steps == {0: 30, 1: 30, **dict.fromkeys((2, 3, 4, 5), 10), 6: 30}


def test_a_resumed_job_reports_no_step_twice(search, tmp_path, recwarn):
    def job(number, options):
        for _ in range(2):
            assert not Reporter(tmp_path, number).falls_behind({"cost": 1.0}, 5)
        return [1.0]

    search(job, "x=interval(0,1)", n_trials=1)
    assert not [warning for warning in recwarn if "already reported" in str(warning.message)]


def test_without_a_search_there_is_nobody_to_report_to(tmp_path):
    (tmp_path / "0").mkdir()
    assert Reporter.of(tmp_path / "0") is None


def test_the_study_of_another_search_is_refused(search):
    search(bowl, "x=interval(0,1)", n_trials=1)
    with pytest.raises(CompactHydraException, match="start a new one without resume"):
        search(bowl, "x=interval(0,2)", n_trials=2)


def test_optuna_is_used_by_its_public_names_alone():
    files = [*(ROOT / "sr/sweep/search").glob("*.py"), ROOT / "sr/judge/sweeps/search.py",
             ROOT / "sr/training/callbacks/prune.py"]  # fmt: skip
    ours = {"_return_value"}  # Hydra's
    private = set()
    for file in files:
        tree = ast.parse(file.read_text())
        methods = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                private |= {node.attr} - methods - ours
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("optuna"):
                assert not any(part.startswith("_") for part in node.module.split("."))
                private |= {alias.name for alias in node.names if alias.name.startswith("_")}
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not node.value.startswith("_trial"), file
    assert len(files) > 6
    assert private == set()
