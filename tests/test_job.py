"""What the environment of SLURM and torchrun says of the job."""

import pytest

from sr import job
from sr.errors import UserError

SLURM = {"SLURM_JOB_ID": "123", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "2"}
ARRAY = SLURM | {"SLURM_ARRAY_JOB_ID": "100", "SLURM_ARRAY_TASK_ID": "7"}
TORCHRUN = {"TORCHELASTIC_RUN_ID": "mine", "WORLD_SIZE": "2"}


@pytest.mark.parametrize(
    ("env", "resume", "expected"),
    [
        ({}, None, None),
        (SLURM, None, "job-123"),
        (SLURM | {"SLURM_NTASKS": "1"}, None, None),
        (SLURM | {"SLURM_NTASKS": "1"}, "job", "job-123"),
        (SLURM | {"SLURM_JOB_NAME": "interactive"}, None, None),
        (ARRAY, "job", "job-100_7"),
        (TORCHRUN, None, "job-mine"),
        (TORCHRUN | SLURM, "job", "job-mine"),
        (TORCHRUN | {"WORLD_SIZE": "1"}, None, None),
    ],
)
def test_the_folder_is_that_of_the_job_where_processes_share_it(env, resume, expected):
    assert job.folder_name(resume, env) == expected


def test_without_a_name_it_is_asked_for():
    with pytest.raises(UserError, match="give it --rdzv-id=NAME"):
        job.folder_name(None, TORCHRUN | {"TORCHELASTIC_RUN_ID": "none"})
    with pytest.raises(UserError, match="resume=job: this is no job"):
        job.folder_name("job", {})


@pytest.fixture
def scontrol(tmp_path, monkeypatch):
    """scontrol(status): a command of this name that writes down what it is asked."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def make(status: int) -> None:
        (tmp_path / "scontrol").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\necho no >&2\nexit {status}\n')
        (tmp_path / "scontrol").chmod(0o755)

    make.asked = tmp_path / "asked"
    return make


def test_a_job_is_requeued_by_its_number(scontrol):
    scontrol(0)
    assert job.requeue(ARRAY) == "SLURM job 100_7 is requeued"
    assert job.requeue({}) is None
    assert scontrol.asked.read_text() == "requeue 100_7\n"


def test_what_does_not_work_is_said(scontrol, monkeypatch, tmp_path):
    scontrol(1)
    assert job.requeue(SLURM) == "SLURM job 123 is not requeued: no"
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert "scontrol cannot be run" in job.requeue(SLURM)
