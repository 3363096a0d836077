"""Sweeps through the real command: jobs fail, pause and go on alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from sr.errors import UserError
from sr.sweep import CLAIMED, sweep_folder

from .conftest import SMALL

SHORT = ["steps.pixel=2", "steps.ramp=1", "steps.adversarial=1"]


def jobs(folder: Path) -> list[Path]:
    (sweep,) = folder.glob("sweep-*")
    return sorted(path for path in sweep.iterdir() if path.is_dir())


def finished(folder: Path) -> list[bool]:
    return [(job / "README.md").exists() for job in jobs(folder)]


@pytest.mark.slow
def test_one_bad_job_of_three_costs_itself_alone(train, tmp_path):
    small = ("-m", *SHORT, "seed=1,2", "data.crop_px=32,30")
    output = train(*small, status=1)
    of_srgan = tmp_path / "outputs" / "srgan"
    assert finished(of_srgan) == [True, True, False, False]
    assert "error: job 2 (data.crop_px=30, seed=1): data.crop_px=30 is not divisible by scale 4" in output
    assert "error: job 3 (data.crop_px=30, seed=2)" in output
    assert "Traceback" not in output
    cards = [(job / "README.md").stat().st_mtime_ns for job in jobs(of_srgan) if (job / "README.md").exists()]

    page = (jobs(of_srgan)[0].parent / "README.md").read_text()
    for told in ("4 jobs: 2 finished, 2 failed.", "data.crop_px=32, 2 seeds", "(panels.png)", "(curves.png)",
                 "Job 2 (data.crop_px=30 seed=1) failed: data.crop_px=30 is not divisible"):  # fmt: skip
        assert told in page

    output = train(*small, "resume=auto", status=1)  # the done are left alone, the bad tried again
    assert output.count("finished before") == 2
    assert output.count("error: job") == 2
    assert [(job / "README.md").stat().st_mtime_ns for job in jobs(of_srgan) if (job / "README.md").exists()] == cards

    output = train("-m", *SHORT, "seed=3,2", "data.crop_px=32,30", "resume=auto", status=1)
    assert "is of another sweep: seed was 1, is 3" in output


@pytest.mark.slow
def test_a_time_limit_pauses_each_job_and_the_sweep_goes_on_later(train, tmp_path):
    small = ("-m", *SHORT, "seed=1,2", "name=paused")
    output = train(*small, "callbacks.stop.after_minutes=0")
    assert output.count("stopped at step 1 of 3") == 2
    assert finished(tmp_path / "outputs" / "paused") == [False, False]
    train(*small, "resume=auto")
    assert finished(tmp_path / "outputs" / "paused") == [True, True]


@pytest.mark.slow
def test_a_sweep_over_experiments_has_one_folder(train, tmp_path):
    train("-m", *SHORT, experiment="srgan,demo")
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == ["unnamed"]
    assert finished(tmp_path / "outputs" / "unnamed") == [True, True]


@pytest.mark.slow
def test_the_runs_of_a_sweep_are_one_group_on_the_dashboard(train, tmp_path):
    train("-m", *SHORT, "seed=1,2", "logger=wandb", "name=grouped")
    (sweep,) = (tmp_path / "outputs" / "grouped").glob("sweep-*")
    configs = [OmegaConf.load(job / "config.yaml").logger.wandb for job in jobs(tmp_path / "outputs" / "grouped")]
    assert [config.group for config in configs] == [f"grouped-{sweep.name}"] * 2
    assert [config.name for config in configs] == ["grouped seed=1", "grouped seed=2"]
    assert "2 jobs: 2 finished." in (sweep / "README.md").read_text()


@pytest.mark.slow
def test_a_sweep_by_its_name_whose_runs_end_by_the_clock(train, tmp_path):
    train("sweep=seeds", "seed=5,6", "steps.minutes=0.005", "name=named")
    cards = [(job / "README.md").read_text() for job in jobs(tmp_path / "outputs" / "named")]
    assert [f" seed={seed} " in card for seed, card in zip((5, 6), cards, strict=True)] == [True, True]
    for card in cards:
        assert "sweep=" not in card
        assert "not repeatable to the bit" in card
        assert "pixel" in card.split("| set |")[1]


def test_a_run_alone_is_in_no_group(train):
    told = train("name=alone", "logger=wandb", "--cfg=job", "--resolve")
    assert "group: null" in told
    assert "name: alone" in told


def test_a_folder_is_claimed_once(tmp_path, monkeypatch):
    monkeypatch.setenv(CLAIMED, "")  # so that it is put back behind the test
    made = set()
    for _ in range(50):
        monkeypatch.delenv(CLAIMED, raising=False)
        made.add(sweep_folder(str(tmp_path), "a", None))
    assert len(made) == 50
    assert sweep_folder(str(tmp_path), "b", None) in made  # the first question decides, for all jobs
    monkeypatch.delenv(CLAIMED)
    assert sweep_folder(str(tmp_path), "a", "auto") == max(made)
    monkeypatch.delenv(CLAIMED)
    with pytest.raises(UserError, match="no jobs of a sweep"):
        sweep_folder(str(tmp_path), "a", str(tmp_path))


def test_a_run_makes_no_folder_of_a_sweep(train, tmp_path):
    assert "seed: 7" in train("seed=7", "--cfg=job", "--resolve")
    assert not list(tmp_path.glob("outputs/*/sweep-*"))


SEARCH = ["-m", "hydra/sweeper=search", "hydra.sweeper.startup_trials=2", "hydra.sweeper.prune.after_trials=1",
          "~hydra.sweeper.objectives.cost", "+hydra.sweeper.objectives={st_lpips:minimize,psnr_y:maximize}",
          "losses.adversarial_weight=tag(log,interval(0.001,1))", "generator.width=range(3,6)",
          "trainer.val_check_interval=1", *SHORT]  # fmt: skip


@pytest.mark.slow
def test_a_search_by_two_objectives_goes_on(train, tmp_path):
    train(*SEARCH, "hydra.sweeper.n_trials=2", "name=found")
    output = train(*SEARCH, "hydra.sweeper.n_trials=3", "name=found", "resume=auto")
    assert "finished before" not in output
    (sweep,) = (tmp_path / "outputs" / "found").glob("sweep-*")
    told = json.loads((sweep / "sweep.json").read_text())
    assert len({json.dumps(trial["params"]) for trial in told["search"]["trials"].values()}) == 3
    assert set(told["search"]["states"]) <= {"complete", "pruned"}
    best = told["search"]["trials"][str(told["search"]["best"][0])]
    assert [0 < best["values"][0] < 1, best["values"][1] > 10] == [True, True]
    page = (sweep / "README.md").read_text()
    assert "(search.png)" in page
    assert "    python -m sr.train experiment=srgan " in page


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_jobs_side_by_side(tmp_path, small_photos, environment, launcher):
    pytest.importorskip(f"hydra_plugins.hydra_{launcher.removesuffix('_local')}_launcher")
    environment.pop("OMP_NUM_THREADS", None)
    at_once = ["hydra.launcher.n_jobs=2"] if launcher == "joblib" else ["hydra.launcher.timeout_min=5"]
    command = [sys.executable, "-m", "sr.train", "-m", "experiment=srgan", *SMALL, *SHORT, "data=folder",
               f"data.root={small_photos}", "data.held_out_images=3", f"hydra/launcher={launcher}", *at_once,
               "seed=1,2,-1", "name=beside"]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240)
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    assert "3 jobs: 2 finished, 1 failed." in output
    assert "seed=-1: a whole number of at least 0" in output
    (sweep,) = (tmp_path / "outputs" / "beside").glob("sweep-*")
    assert [(sweep / job / "README.md").exists() for job in "012"] == [True, True, False]


def test_a_search_by_what_is_not_measured_is_refused_before_it_trains(train, tmp_path):
    unknown = "+hydra.sweeper.objectives={lpips:minimize}"
    output = train("-m", "hydra/sweeper=search", "hydra.sweeper.n_trials=1", unknown, "seed=1,2", status=1)
    assert "objectives names lpips; known are cost and the metrics ['psnr_y', 'ssim_y', 'st_lpips']" in output
