"""Every command of the README runs, on a small scale."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from math import isfinite, prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import yaml
from omegaconf import OmegaConf
from PIL import Image

from sr.generators import Compact
from sr.weights import store as weights

from .. import ready
from .conftest import ROOT, SMALL

README = (ROOT / "README.md").read_text()
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
PYTHON = [line for line in COMMANDS if line.startswith("python ")]
MADE = {"demo": ["-m sr.train experiment=demo", "-m sr.upscale"], "test": ["-m pytest"]}
VGG = ["discriminator.width=2", "discriminator.grid=2", "discriminator.dense=4"]
SMALLER = {  # what must be smaller still where a command asks for large networks
    "generator=srresnet": ["generator.width=4", "generator.blocks=1"],
    "discriminator=vgg": VGG,
    "discriminator=unet_small": ["generator.width=4", "generator.blocks=1", "discriminator.width=4"],
    "experiment=srgan_paper": ["generator.width=4", "generator.blocks=1", "data.held_out_images=2", *VGG],
}


def test_there_are_commands_and_all_are_known():
    assert len(COMMANDS) > 10
    assert {line.split()[0] for line in COMMANDS} == {"make", "python"}
    assert BLOCKS


@pytest.mark.parametrize("target", [line.split()[1] for line in COMMANDS if line.startswith("make ")])
def test_make_targets_exist(target):
    dry = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True)
    for command in MADE[target]:
        assert command in dry.stdout


@pytest.mark.slow
@pytest.mark.parametrize("line", PYTHON, ids=lambda line: line[10:60])
def test_commands_run(line, tmp_path, environment, small_photos):
    prepare(tmp_path, small_photos)
    words = shlex.split(line, comments=True)
    if {"scene.tif", "scan.dcm", "classes.tif"} & set(words):
        films_scans_and_scenes(tmp_path)
    if "data.root=scans" in words:
        pydicom = pytest.importorskip("pydicom")
        (tmp_path / "scans").mkdir()
        for i in range(6):  # a series each: slices of one are not torn apart
            scan = pydicom.dcmread(pydicom.data.get_testdata_file("CT_small.dcm"))
            scan.SeriesInstanceUID = f"1.2.3.{i + 1}"
            scan.save_as(tmp_path / "scans" / f"{i}.dcm")
    if "sr.download" in words:  # where all is there already, it checks that and fetches nothing
        if "SR_BENCHMARKS" not in environment:
            pytest.skip("SR_BENCHMARKS names no folder of benchmark sets")
        shutil.rmtree(tmp_path / "data")
        (tmp_path / "data").symlink_to(environment["SR_BENCHMARKS"])
    command = [sys.executable, *words[1:]]
    if "sr.evaluate" in words and not any(word.startswith("metrics=") for word in words):
        command += ["~metrics.niqe", "~metrics.lpips", "~metrics.dists"]  # small images; weights of the network
    if "sr.train" in words:
        small = [s for s in SMALL if not s.startswith(("data.crop", "logger"))]
        small += ["data.crop_px=32"]
        if not any(word.startswith("data") for word in words):
            small += ["data.val=photos"]  # large ones take most of the time, and show nothing more
        for word, more in SMALLER.items():
            if word in words:
                groups = {option.split(".")[0] for option in more} - {"data"}
                small = [s for s in small if s.split(".")[0] not in groups] + more
        if any(word.startswith("init_from") for word in words):
            small = [s for s in small if s != "steps.pixel=4" and not s.startswith("generator.")]
        given = {word.split("=")[0] for word in words}
        command += [s for s in small if s.split("=")[0] not in given]
    if {"sr.report", "sr.dashboard"} & set(words):
        pytest.importorskip("bokeh" if "sr.report" in words else "wandb_workspaces")
        for name, record in (("srgan", "2026-11-22-srgan"), ("esrgan", "2026-11-30-esrgan")):
            shutil.copytree(ROOT / "experiments" / record, tmp_path / "outputs" / name / "RUN")
    if "--watch" in words:
        return serve([*command, "--port", "0"], tmp_path, environment)
    if "hydra/sweeper=search" in words:  # which goes by validations
        command += ["hydra.sweeper.n_trials=2", "trainer.val_check_interval=4"]
    if "sr.app" in words:
        pytest.importorskip("gradio")
        return serve(command, tmp_path, environment)
    if line == PYTHON[0]:  # one in an interpreter of its own
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    else:
        assert command[1] == "-m"
        done = ready.run(command[2:], tmp_path, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    check(words[2], words[3:], tmp_path)


def check(command: str, arguments: list[str], folder: Path) -> None:
    """What the command left behind is what the README says that it makes."""
    given = dict(word.split("=", 1) for word in arguments if "=" in word)
    if command == "sr.upscale":
        enlarged = list((folder / "enlarged").iterdir())
        inputs = arguments[: next(i for i, word in enumerate(arguments) if word.startswith("-"))]
        assert len(enlarged) == (8 if inputs == ["photos"] else len(inputs))
        if inputs == ["photo.jpg"]:
            with Image.open(folder / "photo.jpg") as lr, Image.open(enlarged[0]) as sr:
                assert sr.size == (4 * lr.width, 4 * lr.height)
                assert np.asarray(sr).std() > 10, "nothing is to be seen"
    elif command == "sr.export":
        report = json.loads((folder / "weights.onnx.json").read_text())
        assert report["equal"]
        assert len(report["sizes"]) == 3
        assert (folder / "weights.onnx").stat().st_size > 0
    elif command == "sr.download":
        assert len(list((folder / "data" / "Set5" / "HR_x4").glob("*.png"))) == 5
    elif command == "sr.evaluate":
        (out,) = (folder / "outputs" / "evaluate").iterdir()
        rows = json.loads((out / "metrics.json").read_text())["rows"]
        models, sets = (listed(given[key]) for key in ("model", "sets"))
        assert len(rows) == len(models) * len(sets)
        page = (out / "README.md").read_text()
        assert all(heading in page for heading in ("## How sure", "## How measured"))
        assert (out / "per_image.csv").read_text().count("\n") > len(rows)
        assert all(isinstance(value, float) and isfinite(value) for row in rows for value in scores(row))
    elif command == "sr.train":
        runs = [path.parent for path in (folder / "outputs").rglob("metrics.json")]
        values = [value.count(",") + 1 for value in given.values() if not value.startswith("[")]
        if given.get("hydra/sweeper") == "search":
            values = [2]
        assert len(runs) == (prod(values) if "-m" in arguments else 1)
        for run in runs:
            rows = json.loads((run / "metrics.json").read_text())["rows"]
            assert "bicubic" in {row["model"] for row in rows}
            assert all(isfinite(value) for row in rows for value in scores(row))
            assert list((run / "weights").glob("*.safetensors"))
            assert (run / "curves.csv").read_text().count("\n") > 1
            config = OmegaConf.load(run / "config.yaml")
            for key in {"scale", "channels", "data.root", "bands"} & set(given):  # the option did what it says
                assert OmegaConf.select(config, key) == yaml.safe_load(given[key])
    elif command == "sr.degradations":
        pass  # tests/entries/test_degradations.py
    elif command == "sr.report":
        assert (folder / "report.html").stat().st_size > 1e6
    elif command == "sr.dashboard":
        pass  # tests/entries/test_dashboard.py
    else:
        raise AssertionError(f"{command}: nothing is checked of what it does")


def listed(text: str) -> list[Any]:
    found = OmegaConf.create({"x": yaml.safe_load(re.sub(r"(\w+):(?=\w)", r"\1: ", text))}).x
    return list(found) if OmegaConf.is_list(found) else [found]


def scores(row: dict[str, Any]) -> list[float]:
    names = ("psnr", "ssim", "st_lpips", "sam", "ergas", "lr_psnr")
    return [value for name, value in row.items() if name.startswith(names) and value is not None]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[-1][:50])
def test_python_runs(block, tmp_path, environment, small_photos):
    with Image.open(small_photos / "0.png") as image:
        image.save(tmp_path / "photo.jpg")
    done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "photo.jpg") as lr, Image.open(tmp_path / "large.png") as sr:
        assert sr.size == (4 * lr.width, 4 * lr.height)
    assert len(list((tmp_path / "enlarged").iterdir())) == 1


def serve(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Until the page is there."""
    served = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True,
                              preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))  # fmt: skip
    assert "http://127.0.0.1:" in served.stdout.readline()
    served.send_signal(signal.SIGINT)
    assert served.wait(30) == 0


def films_scans_and_scenes(folder: Path) -> None:
    av, pydicom = pytest.importorskip("av"), pytest.importorskip("pydicom")
    nibabel, rasterio = pytest.importorskip("nibabel"), pytest.importorskip("rasterio")
    random = np.random.default_rng(0)
    with av.open(folder / "clip.mp4", "w") as clip:
        stream = clip.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for _ in range(4):
            clip.mux(stream.encode(av.VideoFrame.from_ndarray(random.integers(0, 256, (32, 48, 3), dtype=np.uint8))))
        clip.mux(stream.encode(None))
    shutil.copy(pydicom.data.get_testdata_file("CT_small.dcm"), folder / "scan.dcm")
    nibabel.save(nibabel.Nifti1Image(random.integers(0, 99, (12, 9, 4), dtype=np.int16), np.eye(4)),
                 folder / "volume.nii.gz")  # fmt: skip
    place = {"crs": "EPSG:32617", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 4e6)}
    with rasterio.open(folder / "scene.tif", "w", "GTiff", 30, 20, 4, dtype="uint16", nodata=0, **place) as scene:
        scene.write(random.integers(0, 9999, (4, 20, 30), dtype=np.uint16))
    nibabel.save(nibabel.Nifti1Image(random.integers(0, 5, (12, 9, 4), dtype=np.uint8), np.eye(4)),
                 folder / "brain_dseg.nii.gz")  # fmt: skip
    with rasterio.open(folder / "classes.tif", "w", "GTiff", 30, 20, 1, dtype="uint8", **place) as scene:
        scene.write(random.integers(0, 5, (1, 20, 30), dtype=np.uint8))


def prepare(folder: Path, small_photos: Path) -> None:
    """The files that the README speaks of."""
    with Image.open(small_photos / "0.png") as image:
        image.save(folder / "photo.jpg")
    (folder / "photos").symlink_to(small_photos)
    for side, step in (("hr", 1), ("lr", 4)):
        (folder / side).mkdir()
        for i in range(6):
            with Image.open(small_photos / f"{i}.png") as image:
                Image.fromarray(np.asarray(image)[::step, ::step]).save(folder / side / f"{i}.png")
    (folder / "scenes").mkdir()
    for i in range(6):  # four bands, as a satellite's
        pixels = np.random.default_rng(i).integers(0, 65536, (80, 96, 4), dtype=np.uint16)
        tifffile.imwrite(folder / "scenes" / f"{i}.tif", pixels, photometric="minisblack")
    for name in ("Set5", "Set14", "BSD100"):
        (folder / "data" / name / "HR_x4").mkdir(parents=True)
        shutil.copy(small_photos / "1.png", folder / "data" / name / "HR_x4")
    arguments = {"scale": 4, "channels": 3, "width": 4, "depth": 1}
    about = {"generator": "Compact", "arguments": arguments, "scale": 4, "channels": 3}
    network = Compact(**arguments).eval()
    weights.save(folder / "weights.safetensors", network, about)
    torch.save({"params": network.state_dict()}, folder / "theirs.pth")
    free = {"lr": {2: "h", 3: "w"}, "sr": {2: "H", 3: "W"}}
    torch.onnx.export(network, torch.rand(1, 3, 16, 16), folder / "graph.onnx", dynamo=False, input_names=["lr"],
                      output_names=["sr"], dynamic_axes=free)  # fmt: skip
