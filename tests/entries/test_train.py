"""The real command, as users type it."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from sr.weights import store as weights

from ..ready import Started
from .conftest import SMALL


def only_run(folder: Path, name: str = "srgan") -> Path:
    (run,) = (folder / "outputs" / name).iterdir()
    return run


def state(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, weights_only=True)["state_dict"]


def steps_in(run: Path) -> list[int]:
    rows = (run / "curves.csv").read_text().splitlines()[1:]
    return [int(row.split(",")[0]) for row in rows]


def scores(run: Path) -> list[dict]:
    """The rows of its table without what the clock says; the ends of intervals beside the other numbers."""
    rows = json.loads((run / "metrics.json").read_text())["rows"]
    ends = [{f"{name} {end}": value for name, pair in row.pop("ci95").items() for end, value in enumerate(pair)}
            for row in rows]  # fmt: skip
    return [
        {key: value for key, value in row.items() if key != "ms_per_mp"} | more
        for row, more in zip(rows, ends, strict=True)
    ]


def wait_for(condition, process: Started, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.02)


def added(**terms: str) -> list[str]:
    """Options that add losses, all of weight 0.1, to the adversarial phase."""
    return [option for name, loss in terms.items() for option in (
        f"+losses.content.terms.{name}._target_=sr.losses.{loss}", f"+losses.content.weights.{name}=0.1")]  # fmt: skip


def test_terms_from_the_command_line_train_and_one_that_judges_says_so(train, tmp_path):
    terms = added(map="Artifacts", input="LRConsistency", tv="TotalVariation", st="STLPIPS")
    output = train(*terms, "+losses.content.terms.st.net=alex", "trainer.val_check_interval=4", "steps.pixel=2",
                   "callbacks.checkpoints.floor_db=100")  # fmt: skip
    said = "st_lpips is a loss of this run and judges it no longer: the best checkpoint is that of psnr_y"
    assert output.count(said) == 1
    run = only_run(tmp_path)
    assert "| ST-LPIPS (lower is better), trained on |" in (run / "README.md").read_text()
    with open(run / "curves.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["loss/map"]]
    assert all(float(row[f"loss/{name}"]) > 0 for row in rows for name in ("map", "input", "tv", "st"))
    assert rows
    best = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    chosen = next(state for key, state in best["callbacks"].items() if "Checkpoints" in key)["best"]
    assert chosen["cost"] < 0  # a PSNR


def test_a_run_leaves_a_whole_folder_and_weights_to_use(train, tmp_path, environment):
    output = train("logger=csv_wandb", "trainer.val_check_interval=4")
    run = only_run(tmp_path)
    for name in ("config.yaml", "metrics.json", "curves.csv", "README.md", "samples/step_00000004.png",
                 "samples/final.png", "checkpoints/last.ckpt", "checkpoints/best.ckpt", "checkpoints/pixel.ckpt",
                 "weights/srgan.safetensors", "weights/srgan-pixel.safetensors"):  # fmt: skip
        assert (run / name).is_file(), name
    assert list(run.glob("wandb/offline-run-*/*.wandb"))
    metrics = json.loads((run / "metrics.json").read_text())
    assert [row["model"] for row in metrics["rows"]] == ["bicubic", "pixel", "best", "last"]
    assert {"psnr_y", "ssim_y", "st_lpips", "set", "scale", "n"} < set(metrics["rows"][0])
    assert "4 px cropped" in metrics["protocol"]["psnr_y"]
    card = (run / "README.md").read_text()
    assert "python -m sr.train experiment=srgan" in card
    assert "| bicubic |" in card
    assert "| bicubic |" in output
    assert set(steps_in(run)) == {2, 4, 6, 8}

    photo = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)).save(photo)
    command = [sys.executable, "-m", "sr.upscale", str(photo), "-o", str(tmp_path / "out"), "--model", str(run)]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    with Image.open(tmp_path / "out" / "photo_x4.png") as image:
        assert image.size == (28, 36)

    generator, about = weights.load(run)
    assert about["generator"] == "Residual"
    kept = {key.removeprefix("generator_ema."): value for key, value in state(run / "checkpoints/best.ckpt").items()}
    assert all(torch.equal(value, kept[key]) for key, value in generator.state_dict().items())


@pytest.mark.slow
def test_killed_and_resumed_equals_never_killed(start, train, tmp_path):
    long = ["steps.pixel=30", "steps.adversarial=30", "callbacks.checkpoints.every_steps=7",
            "trainer.val_check_interval=20", "data.workers=1"]  # fmt: skip
    train(*long, "name=whole")
    process = start(*long, "name=killed")
    last = tmp_path / "outputs" / "killed"
    wait_for(lambda: list(last.glob("*/checkpoints/pixel.ckpt")), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = torch.load(next(last.glob("*/checkpoints/last.ckpt")), weights_only=True)["global_step"]
    assert 28 <= before < 60  # the end of the phase is written before the last
    output = train(*long, "name=killed", "resume=auto")
    assert f"continuing {tmp_path}/outputs/killed" in output
    whole, resumed = only_run(tmp_path, "whole"), only_run(tmp_path, "killed")
    a, b = state(whole / "checkpoints/last.ckpt"), state(resumed / "checkpoints/last.ckpt")
    assert list(a) == list(b)
    assert all(torch.equal(a[key], b[key]) for key in a)
    # Killed between its checkpoint and its row, the run has lost the row of that very step; nothing else.
    assert set(steps_in(whole)) ^ set(steps_in(resumed)) <= {before}
    assert steps_in(resumed) == sorted(steps_in(resumed))
    for name in ("best", "last"):
        rows = [[row for row in scores(run) if row["model"] == name] for run in (whole, resumed)]
        assert rows[0] == rows[1]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_runs_end_cleanly_and_continue(start, train, tmp_path, number, status):
    long = ["steps.pixel=2000", "steps.adversarial=0", "data.workers=1", "trainer.val_check_interval=2000"]
    process = start(*long)
    curves = tmp_path / "outputs" / "srgan"
    wait_for(lambda: list(curves.glob("*/curves.csv")), process)
    os.killpg(process.pid, number)  # as the terminal does: loaders get it too
    output = "".join(process.communicate(timeout=60))
    assert process.returncode == status, output
    assert "Traceback" not in output
    run = only_run(tmp_path)
    step = torch.load(run / "checkpoints/last.ckpt", weights_only=True)["global_step"]
    assert f"stopped at step {step} of 2000" in output
    assert "resume=" in output
    train(*long, "resume=auto", f"steps.pixel={step + 4}")
    assert torch.load(run / "checkpoints/last.ckpt", weights_only=True)["global_step"] == step + 4
    assert steps_in(run) == sorted(steps_in(run))


@pytest.mark.slow
def test_a_time_limit_stops_and_the_next_piece_goes_on(train, tmp_path):
    piece = ["steps.pixel=100000", "steps.adversarial=0", "trainer.val_check_interval=100000", "logger=csv_wandb"]
    first = train(*piece, "callbacks.stop.after_minutes=0.02")
    second = train(*piece, "callbacks.stop.after_minutes=0.02", "resume=auto")
    assert "stopped at step" in first
    assert "stopped at step" in second
    charts = list(only_run(tmp_path).glob("wandb/offline-run-*/run-*.wandb"))  # one folder for both pieces
    assert len(charts) == 2
    assert len({file.name for file in charts}) == 1, "the second piece is another W&B run"
    a, b = (int(out.split("stopped at step ")[1].split()[0]) for out in (first, second))
    assert b > a


@pytest.mark.slow
def test_two_processes_train_as_one(train, tmp_path):
    """The same global batch, sharded: the same weights of both networks, and scores of uneven shards (3 images)."""
    # L2 throughout: the gradient of L1 is a sign, which float noise flips where sr and hr are equal.
    same = ["losses.pixel.terms.pixel._target_=sr.losses.L2", "losses.content.terms.pixel._target_=sr.losses.L2",
            "losses.content.terms.perceptual.distance=l2",
            "optimizer=adam", "optimizer._target_=torch.optim.SGD", "~optimizer.betas",
            "trainer.val_check_interval=4",
            "schedule.pixel.learning_rate=0.1", "schedule.adversarial.learning_rate=0.1",
            "schedule.discriminator.learning_rate=0.1"]  # fmt: skip
    train(*same, "name=one")
    train(*same, "name=two", "trainer.devices=2")
    one, two = only_run(tmp_path, "one"), only_run(tmp_path, "two")
    a, b = state(one / "checkpoints/last.ckpt"), state(two / "checkpoints/last.ckpt")
    moved = dict.fromkeys(("generator", "discriminator"), 0.0)
    start_weights = state(one / "checkpoints/pixel.ckpt")
    for key in a:
        torch.testing.assert_close(a[key], b[key], rtol=0, atol=2e-6, msg=key)
        name = key.split(".")[0]
        if name in moved:
            moved[name] = max(moved[name], (a[key] - start_weights[key]).abs().max().item())
    assert min(moved.values()) > 2e-5, "nothing moved, so nothing was compared"
    for x, y in zip(scores(one), scores(two), strict=True):
        assert y == pytest.approx(x, abs=1e-4)
        if x["model"] == "bicubic":
            assert y == pytest.approx(x, abs=1e-12)  # the same pixels: sums over uneven shards are exact
    assert steps_in(one) == steps_in(two)


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["srgan", "srresnet"])
def test_two_processes_with_batch_norm_train_as_one(train, tmp_path, experiment):
    """The bundled networks with their batch norm, narrow; SGD, for Adam makes steps of one size out of float noise."""
    narrow = ["generator.width=8", "generator.blocks=2", "discriminator=vgg_small",
              "discriminator.width=8", "discriminator.grid=2",
              "discriminator.dense=8"]  # fmt: skip
    if experiment == "srresnet":
        narrow = ["generator=srresnet", "generator.width=8", "generator.blocks=2"]
    small = [s for s in SMALL if not s.startswith(("generator", "discriminator", "steps"))] + narrow
    same = ["optimizer=adam", "optimizer._target_=torch.optim.SGD", "~optimizer.betas", "trainer.val_check_interval=10",
            "schedule.pixel.learning_rate=0.01", "schedule.pixel.final=0.01", "steps.pixel=20"]  # fmt: skip
    if experiment == "srgan":  # without LDL's map, whose thresholds float noise may cross
        same += ["losses=srgan_quick", "steps.pixel=10", "steps.ramp=2", "steps.adversarial=10",
                 "schedule.adversarial.learning_rate=1e-3", "schedule.adversarial.final=1e-3",
                 "schedule.discriminator.learning_rate=1e-3", "schedule.discriminator.final=1e-3"]  # fmt: skip
        same.remove("steps.pixel=20")
    for name, processes in (("one", 1), ("two", 2)):
        train(*same, f"name={name}", f"trainer.devices={processes}", experiment=experiment, small=small)
    one, two = only_run(tmp_path, "one"), only_run(tmp_path, "two")
    a, b = state(one / "checkpoints/last.ckpt"), state(two / "checkpoints/last.ckpt")
    assert any(key.endswith("running_var") for key in a)
    for key in a:  # means, for float noise may flip the sign of a single activation before a leaky ReLU
        assert (a[key] - b[key]).abs().double().mean() < 1e-5, key
    with open(two / "curves.csv", newline="") as file:
        curve = [float(row["val/psnr_y"]) for row in csv.DictReader(file) if row["val/psnr_y"]]
    (last,) = [row for row in scores(two) if row["model"] == "last"]
    assert curve[-1] == pytest.approx(last["psnr_y"], abs=1e-6), "each process validated buffers of its own"


@pytest.mark.slow
def test_more_processes_than_validation_images_and_sets_of_uneven_shards(train, tmp_path, small_photos):
    for name, images in (("first", "0"), ("second", "123")):
        (tmp_path / name).mkdir()
        for image in images:
            shutil.copy(small_photos / f"{image}.png", tmp_path / name)
    same = ("data.val=[first,second]", "trainer.val_check_interval=4")
    train(*same, "trainer.devices=2", "name=two")
    train(*same, "name=one")
    one, two = (scores(only_run(tmp_path, name)) for name in ("one", "two"))
    assert {(row["set"], row["n"]) for row in one} == {("first", 1), ("second", 3)}
    for x, y in zip(one, two, strict=True):
        assert (x["n"], x["set"], x["model"]) == (y["n"], y["set"], y["model"])
        if x["model"] == "bicubic":
            assert x == y
    curves = []
    for name in ("one", "two"):
        with open(only_run(tmp_path, name) / "curves.csv", newline="") as file:
            row = next(row for row in csv.DictReader(file) if row["val/psnr_y"])  # of the pixel phase
        curves.append({key: float(value) for key, value in row.items() if key.startswith("val/") and "ms" not in key})
    assert any("second" in key for key in curves[0])
    assert curves[1] == pytest.approx(curves[0], abs=1e-3)


@pytest.mark.slow
def test_a_sweep_of_two_processes_keeps_its_jobs_apart(train, tmp_path):
    train("-m", "seed=1,2", "trainer.devices=2", "steps.pixel=2", "steps.adversarial=1")
    runs = sorted(next((tmp_path / "outputs" / "srgan").glob("sweep-*")).glob("[0-9]"))
    assert [run.name for run in runs] == ["0", "1"]
    assert all((run / "README.md").is_file() for run in runs)
    assert "seed: 1\n" in (runs[0] / "config.yaml").read_text()
    assert "seed: 2\n" in (runs[1] / "config.yaml").read_text()
    a, b = (state(run / "checkpoints/last.ckpt")["generator.first.weight"] for run in runs)
    assert not torch.equal(a, b)


@pytest.mark.slow
def test_sets_that_do_not_fit_cost_a_finished_run_nothing(train, tmp_path):
    (tmp_path / "scenes").mkdir()
    (tmp_path / "sets" / "Colour" / "HR_x4").mkdir(parents=True)
    random = np.random.default_rng(0)
    for i in range(5):
        pixels = random.integers(0, 65536, (80, 96, 4), dtype=np.uint16)
        tifffile.imwrite(tmp_path / "scenes" / f"{i}.tif", pixels, photometric="minisblack", planarconfig="contig")
    Image.fromarray(pixels[..., :3].astype(np.uint8)).save(tmp_path / "sets" / "Colour" / "HR_x4" / "a.png")
    output = train("channels=4", "bands=[0,1,2]", "metrics=bands", "data.root=scenes", "data.benchmarks=sets",
                   "test=[colour,nosuch]")  # fmt: skip
    assert output.count("not scored:") == 2
    assert "3 channels, 4 are needed" in output
    assert "| scenes x4 (3) | last |" in (only_run(tmp_path) / "README.md").read_text()


@pytest.mark.slow
def test_weights_of_one_run_start_another(train, tmp_path):
    train("name=first")
    first = only_run(tmp_path, "first")
    train("name=second", f"init_from={first}", "schedule.adversarial.learning_rate=0", "schedule.adversarial.final=0",
          "steps.pixel=0")  # fmt: skip
    a, _ = weights.load(first)
    b, _ = weights.load(only_run(tmp_path, "second"))
    for x, y in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.equal(x, y)
    output = train("name=third", f"init_from={first}", "generator.width=5", status=1)
    assert "init_from" in output
    assert "Traceback" not in output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data.crop_px=30"], "data.crop_px=30 is not divisible by scale 4; use 28"),
        (["data.root=nowhere"], "nowhere: no such folder"),
        (["resume=nowhere"], "no checkpoints/last.ckpt"),
        (["data.val=set99"], "set99"),
        (["data.batch_size=5", "system.accumulate=2"], "batch of 5"),
        (["data.crop_px=4096"], "smaller than the 4096 pixels needed"),
        (["+nonsense=1"], "unknown key nonsense"),
        (["init_from=nowhere.safetensors"], "nowhere.safetensors"),
    ],
)
def test_mistakes_get_one_sentence(train, arguments, message):
    output = train(*arguments, status=1)
    assert message in output
    assert "Traceback" not in output
