"""What a search found, as its page tells it."""

import optuna
import pytest
from PIL import Image

from sr.judge.sweeps import tell
from sr.judge.sweeps.scores import read
from sr.judge.sweeps.search import found
from sr.sweep.search.study import JOB, MAIN, storage_of

SPACE = {"x": optuna.distributions.FloatDistribution(0, 1), "y": optuna.distributions.IntDistribution(1, 9)}


def study(folder, objectives, values):
    made = optuna.create_study(storage=storage_of(folder), study_name=MAIN, directions=list(objectives.values()))
    made.set_user_attr("objectives", objectives)
    for job, (x, told) in enumerate(values):
        made.enqueue_trial({"x": x, "y": job + 1})
        trial = made.ask(fixed_distributions=SPACE)
        trial.set_user_attr(JOB, job)
        if told is None:
            made.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            made.tell(trial, told)


def test_the_front_its_commands_and_what_mattered(add, tmp_path):
    goals = {"st_lpips": "minimize", "psnr_y": "maximize"}
    values = [(0.1, [0.10, 28.0]), (0.25, [0.20, 30.0]), (0.9, [0.20, 27.0]), (0.123456789, None), (0.5, [0.30, 31.0])]
    study(tmp_path, goals, values)
    for job, (x, told) in enumerate(values):
        add(f"x={x} y={job + 1}", told and told[1], told[0] if told else 0)
    tell(tmp_path, "python -m sr.train -m hydra/sweeper=search")
    page = (tmp_path / "README.md").read_text()
    for line in (
        "By st_lpips (minimize), psnr_y (maximize): 4 complete, 1 pruned.",
        "| 0 | 0.1 | 28 | x=0.1 y=1 |",
        "    python -m sr.train experiment=srgan x=0.25 y=2\n",
        "| 3 | x=0.1235 y=4 | - | - | unfinished |",
        "What st_lpips depends on, by PED-ANOVA: ",
    ):
        assert line in page
    assert "x=0.9 y=3\n\n    " not in page
    assert found(tmp_path, read(tmp_path))["best"] == [0, 1, 4]  # 2 is beaten by 1
    assert Image.open(tmp_path / "search.png").size[0] > 1000


def test_of_one_objective_the_best(add, tmp_path):
    study(tmp_path, {"cost": "minimize"}, [(0.1, [3.0]), (0.2, [1.0])])
    for x, cost in ((0.1, 3.0), (0.2, 1.0)):
        add(f"x={x}", 30.0, cost)
    tell(tmp_path, "command")
    assert (
        "The best:\n\n| job | cost | options |\n|---|---:|---|\n| 1 | 1 | x=0.2 y=2 |"
        in (tmp_path / "README.md").read_text()
    )
    assert (tmp_path / "search.png").exists()


@pytest.mark.parametrize("values", [[], [(0.1, None)]], ids=["nothing yet", "all pruned"])
def test_a_search_that_has_found_nothing_yet(add, tmp_path, values):
    study(tmp_path, {"cost": "minimize"}, values)
    add("x=0.1")
    tell(tmp_path, "command")
    assert "## Search" in (tmp_path / "README.md").read_text()
    assert not (tmp_path / "search.png").exists()
