"""What runs have left on the disk, finished or not."""

import csv
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from sr.errors import MissingError, UserError
from sr.limits import leaves
from sr.sweep.jobs import ENDED, overrides

PLACES = {"resume", "outputs", "folder", "file", "default_root_dir"}  # options that say where, not how
Curve = tuple[list[int], list[float]]  # steps and values


@dataclass
class Run:
    """One run.

    Args:
        folder: of the run.
        label: its name on the page, unlike that of any other.
        config: option -> value.
        curves: name -> steps and values, in the order of `curves.csv`.
        metrics: `metrics.json`; empty until the run ends.
        health: what `health.jsonl` warned of: {"step", "rule", "message", "advice"}.
        finished: whether its card has been written.
        failed: why it ended early, as a job of a sweep.
    """

    folder: Path
    label: str
    config: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    health: list[dict[str, Any]] = field(default_factory=list)
    finished: bool = False
    failed: str = ""

    @property
    def step(self) -> int:
        """The last one of its curves."""
        return max((steps[-1] for steps, _ in self.curves.values()), default=0)

    @property
    def models(self) -> list[str]:
        """Which generators it kept."""
        return list(dict.fromkeys(row["model"] for row in self.metrics.get("rows", []) if row["model"] != "bicubic"))

    def best(self, name: str) -> tuple[float, int] | None:
        """The best value of a curve and its step; None where it has none, or nobody says which way is better."""
        higher = self.higher_is_better(name)
        if name not in self.curves or higher is None:
            return None
        steps, values = self.curves[name]
        value, step = (max if higher else min)(zip(values, [-s if higher else s for s in steps], strict=True))
        return value, abs(step)

    def higher_is_better(self, name: str) -> bool | None:
        """As the run says in the end, or before that the metric's class."""
        from sr import metrics

        column = self.metrics.get("columns", {}).get(name.removeprefix("val/"))
        if column is not None:
            return bool(column["higher_is_better"])
        target = str(self.config.get(f"metrics.{name.removeprefix('val/')}._target_", ""))
        kind = getattr(metrics, target.rsplit(".", 1)[-1], None) if target.startswith("sr.metrics.") else None
        return getattr(kind, "higher_is_better", None)


def find(places: Sequence[str]) -> list[Path]:
    """Folders of runs: those named, and all below those named.

    Raises:
        UserError: there is none.
    """
    found: dict[Path, None] = {}
    for place in map(Path, places):
        if not place.is_dir():
            raise MissingError(f"{place}: no such folder; name a run, a sweep, or a folder that holds some")
        inside = dict.fromkeys(_below(place))
        if not inside:
            raise UserError(f"{place}: no run in there; a run's folder holds config.yaml and curves.csv")
        found |= inside
    return list(found)


def _below(place: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(place):
        folders[:] = sorted((f for f in folders if not f.startswith(".")), key=lambda f: (not f.isdigit(), len(f), f))
        if {"config.yaml", "curves.csv", ENDED} & set(files):
            folders.clear()
            yield Path(here)


def read(folders: Sequence[Path]) -> list[Run]:
    """Everything of these runs; what a run does not have (yet) is empty."""
    return [_read(folder, label) for folder, label in zip(folders, labels(folders), strict=True)]


def labels(folders: Sequence[Path]) -> list[str]:
    """Short names: the folder below the one that they share, and what a sweep gave each of them."""
    paths = [folder.resolve() for folder in folders]
    if len(paths) == 1:
        return [paths[0].name]
    root = Path(os.path.commonpath(paths))
    given = [set(overrides(folder)) for folder in folders]
    shared = set.intersection(*given)
    return [
        str(path.relative_to(root)) + (f" ({', '.join(sorted(own))})" if 0 < len(own := of - shared) <= 3 else "")
        for path, of in zip(paths, given, strict=True)
    ]


def differences(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Option -> its value in each run, where it is not the same in all; None where a run lacks it.

    Where runs write to is left out, and so is what repeats another option: `data.seed` behind `seed`.
    """
    options = dict.fromkeys(option for run in runs for option in run.config)
    found: dict[str, list[Any]] = {}
    seen: set[tuple[str, str]] = set()
    for option in options:
        values, last = [run.config.get(option) for run in runs], option.split(".")[-1]
        if all(value == values[0] for value in values) or last in PLACES or option.startswith("logger."):
            continue
        if (last, repr(values)) not in seen:
            found[option] = values
        seen.add((last, repr(values)))
    return found


def _read(folder: Path, label: str) -> Run:
    run = Run(folder, label, finished=(folder / "README.md").exists())
    if (folder / ENDED).exists() and not run.finished:
        run.failed = json.loads((folder / ENDED).read_text())["message"]
    if (folder / "config.yaml").exists():
        run.config = dict(leaves(OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))))
    if (folder / "curves.csv").exists():
        run.curves = _curves(folder / "curves.csv")
    if (folder / "metrics.json").exists():
        run.metrics = json.loads((folder / "metrics.json").read_text())
    if (folder / "health.jsonl").exists():
        run.health = list(_lines((folder / "health.jsonl").read_text()))
    return run


def _curves(file: Path) -> dict[str, Curve]:
    curves: dict[str, Curve] = {}
    with open(file, newline="") as opened:
        for row in csv.DictReader(opened):
            for name, text in row.items():
                if not text or name is None or name == "step" or not isinstance(text, str):
                    continue  # a line that is being written
                try:
                    step, value = int(row["step"]), float(text)
                except ValueError:
                    continue
                if isfinite(value):
                    steps, values = curves.setdefault(name, ([], []))
                    steps.append(step)
                    values.append(value)
    return curves


def _lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:  # it is being written
            continue
