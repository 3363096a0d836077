"""Runs that are killed at random moments and resumed end as one that was left alone: same last, best and table.

Three kills by default; `SR_KILLS=50 pytest tests/entries/test_kills.py` for a night.
"""

import os
import random
import signal
from pathlib import Path
from time import monotonic, sleep

import pytest
import torch
from safetensors.torch import load_file

from .test_train import only_run, scores

KILLS = int(os.environ.get("SR_KILLS", "3"))
RUN = ["steps.pixel=12", "steps.ramp=2", "steps.adversarial=12", "trainer.val_check_interval=5",
       "callbacks.checkpoints.every_steps=4", "data.workers=1"]  # fmt: skip
SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]


def kept(run: Path) -> dict:
    """What must not differ."""
    found: dict = {"table": scores(run)}
    for name in ("pixel", "best", "last"):
        checkpoint = torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)
        found[name] = {key: checkpoint[key] for key in ("global_step", "state_dict", "optimizer_states")}
        found[f"{name}'s best"] = checkpoint["callbacks"]["Checkpoints"]["best"]
    for file in sorted((run / "weights").iterdir()):
        found[f"weights {file.stem.partition('-')[2] or 'best'}"] = load_file(file)
    return found


def same(a, b) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.slow
def test_killed_at_random_it_ends_as_undisturbed(start, train, tmp_path):
    train("--cfg=job")  # libraries are loaded
    since = monotonic()
    train(*RUN, "name=whole")
    seconds = monotonic() - since
    whole = kept(only_run(tmp_path, "whole"))
    draw, killed, number = random.Random(0), 0, 0
    while killed < KILLS:
        name = f"killed{number}"
        number += 1
        for _ in range(20):
            process = start(*RUN, f"name={name}", "resume=auto")
            end = monotonic() + draw.uniform(0.2, 1.2) * seconds
            while process.poll() is None and monotonic() < end:
                sleep(0.005)
            if process.poll() is None:
                killed += 1
                os.killpg(process.pid, draw.choice(SIGNALS))
            output = "".join(process.communicate(timeout=120))
            # Interrupted while modules are still imported, Python itself says where.
            assert "Traceback" not in output or output.endswith("KeyboardInterrupt\n"), output[-3000:]
            if process.returncode == 0:
                break
        runs = [run for run in (tmp_path / "outputs" / name).iterdir() if (run / "README.md").exists()]
        (run,) = runs  # one killed before its first checkpoint is begun anew
        for what, value in kept(run).items():
            assert same(value, whole[what]), what
