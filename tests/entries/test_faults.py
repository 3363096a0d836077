"""What goes wrong in a run is told early, in one sentence, and nothing is lost."""

import os
import re
import shlex
import signal
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from PIL import Image

from sr.config import CONF, register
from sr.limits import LIMITS, leaves

from ..ready import run as run_command
from .test_train import only_run, wait_for

DIVERGING = [  # plain SGD, whose steps grow with the gradient; batch norm, whose statistics a bad batch poisons
    "generator=srresnet", "generator.width=4", "generator.blocks=1", "optimizer=adam",
    "optimizer._target_=torch.optim.SGD",
    "~optimizer.betas", "schedule=srgan", "schedule.pixel.milestones=[7]", "schedule.pixel.gamma=1e9",
    "schedule.pixel.learning_rate=0.01", "steps.pixel=12", "callbacks.checkpoints.every_steps=5",
]  # fmt: skip


def command_in(output: str) -> list[str]:
    """The options of the command that a message names."""
    return shlex.split(re.search(r"python -m sr\.train (.*)", output)[1])


@pytest.mark.slow
def test_a_diverging_run_goes_on_healthy_by_the_command_that_it_names(train, tmp_path, environment):
    small = [s for s in _small() if not s.startswith("generator.")]
    output = train(*DIVERGING, small=small, status=1)
    assert re.search(r"training diverged at step \d+: .* not finite", output)
    assert "Traceback" not in output
    run = only_run(tmp_path)
    healthy = torch.load(run / "checkpoints" / "healthy.ckpt", weights_only=True)
    assert healthy["global_step"] == 5
    assert all(value.isfinite().all() for value in healthy["state_dict"].values())

    options = [word for word in command_in(output) if not word.startswith("schedule.pixel.gamma")]  # what we broke
    done = run_command(["sr.train", *options], tmp_path, environment)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "outputs" / "srgan").iterdir()] == [run.name]
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 16
    assert all(value.isfinite().all() for value in last["state_dict"].values())
    assert last["state_dict"]["generator.head.0.weight"].abs().max() < 10


def _small() -> list[str]:
    from .conftest import SMALL

    return SMALL


@pytest.mark.slow
def test_a_checkpoint_by_name_and_the_last_ones_kept(train, tmp_path):
    train("callbacks.checkpoints.every_steps=2", "callbacks.checkpoints.keep=2")
    run = only_run(tmp_path)
    assert sorted(file.name for file in (run / "checkpoints").glob("step_*")) == [
        "step_00000006.ckpt", "step_00000008.ckpt",
    ]  # fmt: skip
    before = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    output = train(f"resume={run}/checkpoints/step_00000006.ckpt", "callbacks.checkpoints.every_steps=2")
    assert f"continuing {run}" in output
    after = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.slow
def test_checkpoints_and_weights_that_cannot_be_used(train, tmp_path):
    train()
    run = only_run(tmp_path)
    last = run / "checkpoints" / "last.ckpt"
    whole = last.read_bytes()
    for arguments, message in (
        (["generator.width=8"], "resume with the networks and losses that the run was started with"),
        (["optimizer=adam", "optimizer._target_=torch.optim.SGD", "~optimizer.betas"], "is of another optimizer"),
    ):
        output = train("resume=auto", *arguments, status=1)
        assert message in output
        assert "Traceback" not in output
    for content in (whole[: len(whole) // 2], b""):
        last.write_bytes(content)
        output = train("resume=auto", status=1)
        assert "last.ckpt is not a checkpoint that can be read" in output
        assert "Traceback" not in output
    content = next((run / "weights").glob("*.safetensors")).read_bytes()
    (tmp_path / "nan.safetensors").write_bytes(content[:-4] + struct.pack("<f", float("nan")))
    output = train("init_from=nan.safetensors", "name=other", status=1)
    assert "nan.safetensors" in output
    assert "NaN" in output
    assert "learning rate" not in output


@pytest.mark.slow
def test_a_run_with_all_options_at_their_lower_ends(train, tmp_path):
    """As far as they go together; tests/test_limits.py tries each at both ends and beyond."""
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        config = compose("train", ["experiment=srgan", "data=folder"])
    there = dict(leaves(OmegaConf.to_container(config)))  # other networks and losses have more of them
    left_out = ("data.crop_px", "data.batch_size", "data.held_out_images", "trainer.", "callbacks.stop.")
    ends = [
        f"{option}={limit.least + (1e-9 if limit.beyond else 0):g}"
        for option, limit in LIMITS.items()
        if "*" not in option and not option.startswith(left_out) and option in there
    ]
    assert len(ends) > 20
    train(*ends, "steps.ramp=0", "generator.blocks=1")
    assert (only_run(tmp_path) / "README.md").exists()


@pytest.mark.slow
def test_a_full_disk_is_told_and_the_run_goes_on_where_there_is_room(start, train, tmp_path):
    """No room for the pack of the training images, then for the first checkpoint, then for a later one."""
    resource = pytest.importorskip("resource")

    def without_room(*arguments: str) -> str:
        process = start(*arguments)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (10_000, 10_000))
        output = "".join(process.communicate())
        assert process.returncode == 1, output
        assert "Traceback" not in output, output
        return re.search(r"error: .*File too large.*; make room, then the same command (.*)", output)[1]

    assert without_room() == "starts anew: no checkpoint had been written yet"
    train("name=other")  # the pack is there
    run = only_run(tmp_path, "other")
    assert without_room() == "starts anew: no checkpoint had been written yet"
    last = (run / "checkpoints" / "last.ckpt").read_bytes()
    assert without_room("name=other", "resume=auto", "steps.adversarial=8") == f"with resume={run} continues"
    assert (run / "checkpoints" / "last.ckpt").read_bytes() == last
    assert not list((tmp_path / "outputs").rglob("*~*"))
    train(f"resume={run}", "name=other", "steps.adversarial=8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["metrics=fidelity"], "callbacks.checkpoints.perceptual=st_lpips chooses the best"),
        (["losses=srgan_deep", "data.crop_px=16"], "the adversarial phase cannot run with these"),
        (["bands=[0,1,7]"], "bands=[0, 1, 7]"),
        (["data.val=tiny"], "at least 24 pixels, got 20x20"),
        (["data.val=broken"], "broken.png"),
    ],
)
def test_what_would_fail_later_is_told_before_the_first_step(train, tmp_path, arguments, message):
    for name in ("tiny", "broken"):
        (tmp_path / name).mkdir()
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "tiny" / "a.png")
    (tmp_path / "broken" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no more")
    output = train(*arguments, "steps.pixel=100000", status=1)
    assert message in output.splitlines()[-1]
    assert output.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in output


@pytest.mark.slow
def test_interrupted_while_it_scores(start, train, tmp_path):
    process = start("test=[many]", "data.benchmarks=sets")
    folder: Path = tmp_path / "sets" / "Many" / "HR_x4"
    folder.mkdir(parents=True)
    for i in range(200):
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(
            folder / f"{i}.png"
        )
    wait_for(lambda: "on Many" in "".join(process.output), process)
    os.killpg(process.pid, signal.SIGINT)
    output = "".join(process.communicate(timeout=60))
    assert process.returncode == 130, output
    assert "resume=" in output
    assert "Traceback" not in output
    train("test=[many]", "data.benchmarks=sets", "resume=auto")
    assert "| Many x4 (200) | last |" in (only_run(tmp_path) / "README.md").read_text()
