"""Several processes as clusters start them: torchrun, two nodes, SLURM that wants its nodes back. The result is one."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import SMALL
from .test_kills import kept, same
from .test_train import only_run, state, steps_in, wait_for

SGD = ["losses.pixel.terms.pixel._target_=sr.losses.L2", "losses.content.terms.pixel._target_=sr.losses.L2",
       "losses.content.terms.perceptual.distance=l2", "optimizer=adam",
       "optimizer._target_=torch.optim.SGD", "~optimizer.betas"]  # fmt: skip
LONGER = ["steps.pixel=12", "steps.ramp=2", "steps.adversarial=12", "trainer.val_check_interval=5",
          "callbacks.checkpoints.every_steps=4", "callbacks.stop.every_steps=1"]  # fmt: skip


@pytest.fixture
def options(small_photos):
    """options(...): those of a small run with the launcher's number of processes."""
    small = [option for option in SMALL if not option.startswith("trainer.devices")]

    def options(*more: str) -> list[str]:
        return ["experiment=srgan", *small, "data=folder", f"data.root={small_photos}", "data.held_out_images=3", *more]

    return options


def alike(one: Path, two: Path) -> None:
    """Two runs have come to the same weights, but for float noise, in the same steps."""
    a, b = (state(run / "checkpoints" / "last.ckpt") for run in (one, two))
    assert a.keys() == b.keys()
    assert max((a[key].float() - b[key].float()).abs().max().item() for key in a) < 2e-6
    assert steps_in(one) == steps_in(two)


def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def torchrun(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "torch.distributed.run", *arguments, "-m", "sr.train"]


@pytest.mark.slow
def test_torchrun_and_two_nodes_train_as_one(train, options, tmp_path, environment):
    train(*SGD, "name=one")
    alone = torchrun("--standalone", "--nproc-per-node=2")
    done = subprocess.run([*alone, *options(*SGD, "trainer=ddp", "name=two")], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, timeout=500)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    alike(only_run(tmp_path, "one"), only_run(tmp_path, "two"))

    nodes = [f"--rdzv-endpoint=127.0.0.1:{port()}", "--rdzv-backend=c10d", "--rdzv-id=mine", "--nnodes=2"]
    processes = [
        subprocess.Popen([*torchrun(*nodes, "--nproc-per-node=1", "--local-addr=127.0.0.1"),
                          *options(*SGD, "trainer=ddp", "name=nodes")], cwd=tmp_path, env=environment,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)
    ]  # fmt: skip
    for process in processes:
        output = process.communicate(timeout=500)[0]
        assert process.returncode == 0, output[-3000:]
    assert only_run(tmp_path, "nodes").name == "job-mine"
    alike(only_run(tmp_path, "one"), only_run(tmp_path, "nodes"))


@pytest.fixture
def slurm(tmp_path, environment):
    """slurm(command): the two tasks of job 123, as srun starts them; they hear of a cluster by a false scontrol."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "scontrol").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    (tmp_path / "bin" / "scontrol").chmod(0o755)
    job = environment | {
        "PATH": f"{tmp_path}/bin:{environment['PATH']}", "SLURM_JOB_ID": "123", "SLURM_JOB_NAME": "sr",
    }  # fmt: skip
    tasks = job | {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "1", "SLURM_NODEID": "0",
                   "SLURM_NODELIST": "127.0.0.1", "MASTER_PORT": str(port())}  # fmt: skip

    def slurm(command: list[str], count: int = 2) -> list[subprocess.Popen]:
        return [
            subprocess.Popen(
                command, cwd=tmp_path, start_new_session=True, text=True,
                env=tasks | {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)} if count > 1 else job,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )
            for rank in range(count)
        ]  # fmt: skip

    return slurm


def ended(processes: list[subprocess.Popen]) -> list[tuple[int, str]]:
    return [(process.communicate(timeout=500)[0], process.returncode)[::-1] for process in processes]


@pytest.mark.slow
def test_a_slurm_job_that_makes_room_is_requeued_and_ends_as_undisturbed(train, options, slurm, tmp_path):
    train(*LONGER, "name=whole", "trainer.devices=2")
    command = [sys.executable, "-m", "sr.train", *options(*LONGER, "trainer=slurm", "resume=job", "name=moved",
                                                         "logger=csv_wandb")]  # fmt: skip
    tasks = slurm(command)
    last = tmp_path / "outputs" / "moved" / "job-123" / "checkpoints" / "last.ckpt"
    wait_for(last.exists, tasks[0])
    os.kill(tasks[1].pid, signal.SIGUSR1)  # one of them is enough
    (status, output), other = ended(tasks)
    assert (status, other[0]) == (128 + signal.SIGUSR1,) * 2, output + other[1]
    assert "SLURM job 123 is requeued" in output
    assert (tmp_path / "asked").read_text() == "requeue 123\n"
    assert state_step(last) < 24

    for status, output in ended(slurm(command)):
        assert status == 0, output[-3000:]
    moved = only_run(tmp_path, "moved")
    assert moved.name == "job-123"
    differing = [
        what for what, value in kept(only_run(tmp_path, "whole")).items() if not same(value, kept(moved)[what])
    ]
    assert differing == []
    charts = list((moved / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(charts) == 2
    assert {file.name for file in charts} == {"run-moved-job-123.wandb"}


@pytest.mark.slow
def test_a_sweep_with_two_processes_a_job_is_requeued_and_ends_as_undisturbed(train, options, slurm, tmp_path):
    sweep = ["-m", "seed=1,2", "trainer.devices=2", *LONGER]
    train(*sweep, "name=whole")
    command = [sys.executable, "-m", "sr.train", "-m", *options(*sweep[1:], "resume=auto", "name=moved")]
    (process,) = slurm(command, 1)
    wait_for(lambda: list(tmp_path.glob("outputs/moved/*/1/checkpoints/last.ckpt")), process)
    os.killpg(process.pid, signal.SIGTERM)
    ((status, output),) = ended([process])
    assert status == 128 + signal.SIGTERM, output
    assert output.count("SLURM job 123 is requeued") == 1
    assert (tmp_path / "asked").read_text() == "requeue 123\n"
    ((status, output),) = ended(slurm(command, 1))
    assert status == 0, output
    assert "finished before" in output
    whole, moved = (next((tmp_path / "outputs" / name).glob("sweep-*")) for name in ("whole", "moved"))
    for job in "01":
        a, b = kept(whole / job), kept(moved / job)
        assert [what for what in a if not same(a[what], b[what])] == []


def state_step(checkpoint: Path) -> int:
    import torch

    return torch.load(checkpoint, weights_only=True)["global_step"]
