"""Sweeps: one folder for all jobs; a job fails, pauses or is skipped alone."""

from .folder import CLAIMED, changes, cost_of, is_finished, sweep_folder, sweep_name
from .jobs import Job, JobError, Jobs, fail, jobs_of, title

__all__ = [
    "CLAIMED", "Job", "JobError", "Jobs", "changes", "cost_of", "fail", "is_finished", "jobs_of", "sweep_folder",
    "sweep_name", "title",
]  # fmt: skip
