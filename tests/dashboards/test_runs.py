import json

import pytest

from sr.dashboards.runs import differences, find, labels, read
from sr.errors import UserError


def test_a_run_a_sweep_and_a_folder_of_both_are_found(make_run, tmp_path):
    sweep = [make_run(f"outputs/srgan/sweep-1/{i}", seed=i) for i in (0, 2, 10)]
    alone = make_run("outputs/srgan/2026-01-01")
    (tmp_path / "outputs" / "evaluate").mkdir()
    assert find([str(alone)]) == [alone]
    assert find([str(sweep[0].parent)]) == sweep  # in the order of their numbers
    assert set(find([str(tmp_path / "outputs")])) == {*sweep, alone}
    assert find([str(sweep[1]), str(sweep[0].parent)]) == [sweep[1], sweep[0], sweep[2]]  # none twice


def test_places_without_runs_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        find([str(tmp_path / "nowhere")])
    with pytest.raises(UserError, match="no run in there"):
        find([str(tmp_path)])


def test_labels_say_what_the_sweep_gave(make_run):
    folders = [make_run(f"sweep/{i}", seed=i) for i in range(2)]
    assert labels(folders) == ["0 (seed=0)", "1 (seed=1)"]
    assert labels(folders[:1]) == ["0"]


def test_curves_best_values_and_health(make_run):
    folder = make_run("a", psnr=29.0)
    event = {"step": 20, "rule": "accuracy", "message": "far ahead", "advice": "rest"}
    (folder / "health.jsonl").write_text(json.dumps(event) + '\n{"step": 3')  # and a line that is being written
    (run,) = read([folder])
    assert run.curves["loss/generator"] == ([10, 20], [0.5, 0.25])  # neither empty ones nor NaN
    assert run.curves["val/psnr_y"] == ([20, 30], [29.0, 28.0])
    assert run.best("val/psnr_y") == (29.0, 20)
    assert run.best("val/st_lpips") == (0.1, 30)
    assert run.best("accuracy") is None
    assert (run.step, run.finished, run.models, run.health) == (30, True, ["best"], [event])


def test_of_equal_values_the_first_is_the_best(make_run):
    folder = make_run("a")
    (folder / "curves.csv").write_text("step,val/psnr_y,val/st_lpips\n10,30,0.1\n20,30,0.1\n")
    (run,) = read([folder])
    assert run.best("val/psnr_y") == (30.0, 10)
    assert run.best("val/st_lpips") == (0.1, 10)


def test_a_run_that_has_just_begun(make_run):
    folder = make_run("a", finished=False)
    (folder / "curves.csv").unlink()
    (run,) = read([folder])
    assert (run.step, run.finished, run.curves, run.models, run.health) == (0, False, {}, [], [])


def test_only_what_differs_and_once(make_run):
    runs = read([make_run("a", seed=1), make_run("b", seed=2)])
    assert differences(runs) == {"seed": [1, 2]}  # neither data.seed, which repeats it, nor where they write to
    del runs[1].config["data.root"]
    assert differences(runs)["data.root"] == ["photos", None]
