"""The job that this process is part of, of SLURM or of torchrun: its name, and how it is started again."""

import os
import subprocess
from collections.abc import Mapping

from sr.errors import UserError

INTERACTIVE = ("bash", "interactive")  # names of SLURM jobs that are a shell


def slurm_job(env: Mapping[str, str] = os.environ) -> str | None:
    """Number of the SLURM job, as `scontrol` takes it; None outside of one, and in a shell of one."""
    if "SLURM_JOB_ID" not in env or env.get("SLURM_JOB_NAME") in INTERACTIVE:
        return None
    if "SLURM_ARRAY_JOB_ID" in env:
        return f"{env['SLURM_ARRAY_JOB_ID']}_{env['SLURM_ARRAY_TASK_ID']}"
    return env["SLURM_JOB_ID"]


def name(env: Mapping[str, str] = os.environ) -> str | None:
    """What all processes of a job and no other job have in common, and a job that is started again has again.

    None where nobody but Lightning starts processes, or where torchrun was given no `--rdzv-id`.
    """
    torchrun = env.get("TORCHELASTIC_RUN_ID", "none")
    if torchrun != "none":
        return f"job-{torchrun}"
    number = slurm_job(env)
    return None if number is None else f"job-{number}"


def shares_a_folder(env: Mapping[str, str] = os.environ) -> bool:
    """Whether processes that know nothing of each other yet, started by torchrun or srun, have to find one folder."""
    if "TORCHELASTIC_RUN_ID" in env:
        return int(env.get("WORLD_SIZE", "1")) > 1
    return slurm_job(env) is not None and int(env.get("SLURM_NTASKS", "1")) > 1


def requeue(env: Mapping[str, str] = os.environ) -> str | None:
    """Ask SLURM to run this job again from its start; returns what came of it in words, None outside of SLURM."""
    number = slurm_job(env)
    if number is None:
        return None
    try:
        done = subprocess.run(["scontrol", "requeue", number], capture_output=True, text=True)
    except OSError as error:
        return f"SLURM job {number} is not requeued: scontrol cannot be run ({error.strerror})"
    if done.returncode:
        return f"SLURM job {number} is not requeued: {done.stderr.strip() or 'scontrol failed'}"
    return f"SLURM job {number} is requeued"


def folder_name(resume: str | None, env: Mapping[str, str] = os.environ) -> str | None:
    """Name of the folder for a run that this job makes: that of the job, or None, where the time will do.

    Raises:
        UserError: a name is needed and there is none.
    """
    if resume != "job" and not shares_a_folder(env):
        return None
    found = name(env)
    if found is None and resume == "job":
        raise UserError(
            "resume=job: this is no job; it goes on with the run of a SLURM job, or of torchrun --rdzv-id=NAME"
        )
    if found is None:
        raise UserError("torchrun starts several processes, which have to find one folder: give it --rdzv-id=NAME of "
                        "your choice, or --standalone on a single machine")  # fmt: skip
    return found
