"""Scores of the jobs of a sweep, over seeds where they repeat each other."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from sr.sweep import Job, jobs_of

from ..compare import paired
from ..table import Column

Key = tuple[str, str]  # set, metric
LONG = re.compile(r"(?<==)-?\d+\.\d{5,}(e-?\d+)?$")


@dataclass
class Scored:
    """A job and its scores.

    Args:
        job: of the sweep.
        scores: of the model that the run is for; none where the job did not finish.
        bicubic: of bicubic beside it.
        columns: how the metrics are shown.
    """

    job: Job
    scores: dict[Key, float] = field(default_factory=dict)
    bicubic: dict[Key, float] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)


def named(options: Sequence[str], none: str = "all options alike") -> str:
    """Options in a sentence, long numbers in four digits; `none` where there are none."""
    return " ".join(LONG.sub(lambda number: f"{float(number[0]):.4g}", option) for option in options) or none


def read(sweep: Path) -> list[Scored]:
    """The jobs in this folder."""
    return [_scored(job) for job in jobs_of(sweep)]


def _scored(job: Job) -> Scored:
    file = job.folder / "metrics.json"
    if job.status != "finished" or not file.exists():
        return Scored(job)
    found = json.loads(file.read_text())
    columns = {name: Column(**column) for name, column in found.get("columns", {}).items()}
    model = found.get("model", "last")
    scores = {
        which: {
            (row["set"], name): row[name]
            for row in found["rows"]
            for name in columns
            if row["model"] == which and row.get(name) is not None
        }
        for which in (model, "bicubic")
    }
    return Scored(job, scores[model], scores["bicubic"], columns)


def points(jobs: Sequence[Scored]) -> dict[tuple[str, ...], list[Scored]]:
    """Options without the seed -> the finished jobs that have them."""
    found: dict[tuple[str, ...], list[Scored]] = {}
    for each in jobs:
        if each.scores:
            found.setdefault(each.job.point, []).append(each)
    return found


def over_seeds(jobs: Sequence[Scored]) -> dict[Key, tuple[float, float]]:
    """Mean and sample standard deviation of every score of jobs that repeat each other; empty for a single one."""
    if len(jobs) < 2:
        return {}
    keys = [key for key in jobs[0].scores if all(key in each.scores for each in jobs)]
    values = {key: [each.scores[key] for each in jobs] for key in keys}
    return {key: (mean(of), stdev(of)) for key, of in values.items()}


def differences(jobs: Sequence[Scored]) -> list[dict[str, Any]]:
    """Every point against the first one, seed by seed: only what seeds add to both alike is taken out of the spread.

    Returns:
        {"a", "b": options, "set", "metric", "seeds", "better", "worse", "difference": mean of a - b, "spread": of the
        differences} for each metric, where at least two seeds are shared.
    """
    found = []
    (first, of_first), *others = points(jobs).items() or [((), [])]
    for other, of_other in others:
        theirs, ours = ({each.job.seed: each for each in of} for of in (of_other, of_first))
        shared = [seed for seed in theirs if seed in ours and seed]
        for key in of_first[0].scores if len(shared) > 1 else ():
            a, b = ({seed: of[seed].scores.get(key) for seed in shared} for of in (theirs, ours))
            column = of_first[0].columns[key[1]]
            pair = paired(a, b, column.higher_is_better)
            both = [(a[seed], b[seed]) for seed in shared]
            apart = [x - y for x, y in both if x is not None and y is not None]
            if len(apart) > 1:
                told = {"a": list(other), "b": list(first), "set": key[0], "metric": key[1], "seeds": shared}
                told |= {name: pair[name] for name in ("better", "worse", "difference")}
                found.append(told | {"spread": stdev(apart)})
    return found


def best(jobs: Sequence[Scored], key: Key) -> Scored | None:
    """The finished job with the best score."""
    having = [each for each in jobs if key in each.scores]
    sign = 1 if having and having[0].columns[key[1]].higher_is_better else -1
    return max(having, key=lambda each: sign * each.scores[key], default=None)


def columns_of(jobs: Sequence[Scored]) -> dict[Key, Column]:
    """All (set, metric) that any job has, in their order."""
    found: dict[Key, Column] = {}
    for each in jobs:
        found |= {key: each.columns[key[1]] for key in each.scores if key not in found}
    return found


def bicubic(jobs: Sequence[Scored]) -> Mapping[Key, float]:
    """Bicubic's scores, those in which all finished jobs agree."""
    finished = [each.bicubic for each in jobs if each.scores]
    return {key: of for key, of in (finished[0] if finished else {}).items()
            if all(each.get(key) == of for each in finished)}  # fmt: skip
