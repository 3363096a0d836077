"""How the jobs of a sweep ended, as their folders tell."""

import json
import pickle

import pytest
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import RunMode
from omegaconf import OmegaConf

from sr.errors import UserError
from sr.sweep import JobError, Jobs, jobs_of


def overrides(folder, *given):
    (folder / ".hydra").mkdir(parents=True)
    OmegaConf.save(OmegaConf.create(list(given)), folder / ".hydra" / "overrides.yaml")


def test_what_is_different_is_told(tmp_path):
    for i in range(11):
        overrides(tmp_path / str(i), "experiment=srgan", f"x={i // 2}", f"seed={i % 2}", *["resume=auto"] * (i > 2))
    jobs = jobs_of(tmp_path)
    assert [job.number for job in jobs] == list(range(11))
    assert (jobs[3].options, jobs[3].point, jobs[3].seed) == (("x=1", "seed=1"), ("x=1",), "1")
    assert {job.status for job in jobs} == {"unfinished"}
    (tmp_path / "2" / "README.md").touch()
    assert jobs_of(tmp_path)[2].status == "finished"


def ended(tmp_path, error=None, mode=RunMode.MULTIRUN):
    config = OmegaConf.create(
        {"hydra": {"mode": mode, "launcher": {"_target_": "basic"}, "runtime": {"output_dir": str(tmp_path)}}}
    )
    Jobs().on_job_start(config)
    returned = JobReturn(status=JobStatus.COMPLETED if error is None else JobStatus.FAILED)
    returned.return_value = error
    Jobs().on_job_end(config, returned)
    return json.loads((tmp_path / "ended.json").read_text()) if (tmp_path / "ended.json").exists() else None


@pytest.mark.parametrize(
    ("error", "message"),
    [(JobError("job 1 (x=1): no", "no"), "no"), (UserError("wrong"), "wrong"), (RuntimeError("broken"), "broken")],
)
def test_a_failed_job_says_why_until_it_is_tried_again(tmp_path, error, message):
    assert ended(tmp_path, error) == {"status": "failed", "message": message}
    assert ended(tmp_path) is None


def test_a_run_alone_notes_nothing(tmp_path):
    assert ended(tmp_path, RuntimeError("broken"), RunMode.RUN) is None


def test_the_error_of_a_job_goes_between_processes():
    error = pickle.loads(pickle.dumps(JobError("job 1: no", "no")))
    assert (str(error), error.sentence) == ("job 1: no", "no")
