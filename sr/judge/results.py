"""What an evaluation finds, gathered while it goes on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .compare import interval, paired
from .figures import Example
from .score import Record
from .table import Column


@dataclass
class Results:
    """Of some models on some sets.

    Args:
        command: that made them.
        how: the protocol.
        columns: metric -> how it is shown, in the order of the table.
        models: names; the first is the one that the others are compared with.
        rows: of the table, each with "ci95": metric -> the ends of its interval.
        records: (set, model) -> a record an image, as `sr.judge.score` makes them.
        examples: images for the figure.
        notes: what else is to be said.
        complaints: a line for each image that is missing somewhere.
    """

    command: str
    how: dict[str, Any]
    columns: dict[str, Column]
    models: list[str]
    rows: list[dict[str, Any]] = field(default_factory=list)
    records: dict[tuple[str, str], list[Record]] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def add(self, row: dict[str, Any], records: list[Record]) -> None:
        """One model on one set."""
        self.rows.append(row | {"ci95": intervals(records, self.columns)})
        self.records[row["set"], row["model"]] = records

    def complain(self, lines: Sequence[str]) -> None:
        """Each line once: an image that cannot be read is the same for all models."""
        self.complaints += [line for line in lines if line not in self.complaints]

    def pairs(self) -> list[dict[str, Any]]:
        """Every model against the first one, on each set, by each metric: what `compare.paired` finds, and of what."""
        first, *others = self.models
        pairs = []
        for name in dict.fromkeys(images for images, _ in self.records):
            for other in others:
                keys = [(name, model) for model in (other, first)]
                if not all(key in self.records for key in keys):
                    continue  # interrupted
                for metric, column in self.columns.items():
                    a, b = (scores(self.records[key], metric) for key in keys)
                    pair = {"set": name, "metric": metric, "a": other, "b": first}
                    pairs.append(pair | paired(a, b, column.higher_is_better))
        return pairs


def scores(records: Sequence[Mapping[str, Any]], metric: str) -> dict[str, float | None]:
    """Image -> its score, of the images that could be scored."""
    return {one["image"]: one["scores"].get(metric) for one in records if "scores" in one}


def intervals(records: Sequence[Mapping[str, Any]], metrics: Iterable[str]) -> dict[str, tuple[float, float]]:
    """Metric -> the ends of the interval of its mean over images, where it has any value."""
    values = {name: [v for v in scores(records, name).values() if v is not None] for name in metrics}
    return {name: interval(v) for name, v in values.items() if v}
