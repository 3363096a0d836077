"""Sweeps: one folder for all jobs; a job fails, pauses or is skipped alone."""

from .folder import CLAIMED, best_of, changes, is_finished, sweep_folder, sweep_name
from .jobs import Job, JobError, Jobs, fail, jobs_of, title

__all__ = [
    "CLAIMED", "Job", "JobError", "Jobs", "best_of", "changes", "fail", "is_finished", "jobs_of", "sweep_folder",
    "sweep_name", "title",
]  # fmt: skip
