"""Scores as a table for people and as JSON for programs, with how they were made."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Any

from torchmetrics import Metric

from .environment import environment


@dataclass(frozen=True)
class Column:
    """How a metric is shown: what `sr.metrics.mean.MeanOverImages` says of itself, without its weights and states.

    Args:
        title, digits, higher_is_better, axis, axis_rank: as there.
        trained_on: the metric was a loss of the run, and so does not judge it.
    """

    title: str
    digits: int = 4
    higher_is_better: bool = True
    axis: str = ""
    axis_rank: int = 0
    trained_on: bool = False

    def show(self, value: float | None) -> str:
        """A value with as many digits as papers print."""
        return "-" if value is None else f"{value:.{self.digits}f}"


class CountColumn(Column):
    """Large counts, in millions."""

    def show(self, value: float | None) -> str:
        return "-" if value is None else f"{value / 1e6:.2f} M" if value >= 1e4 else str(value)


COSTS = {
    "ms_per_mp": Column("ms/MP", 0),
    "peak_mb": Column("memory (MB)", 0),
    "parameters": CountColumn("parameters"),
}  # columns of every table, after those of the metrics


def columns_of(metrics: Mapping[str, Metric], trains_on: Collection[str] = ()) -> dict[str, Column]:
    """Name -> column; one of torchmetrics' own, which has no title, is shown under its name.

    Two metrics with one title have their names before it, and those that were losses "trained on" behind it.

    Args:
        metrics: name -> metric.
        trains_on: classes of metrics that were losses of the run.
    """
    columns = {
        name: Column(
            getattr(metric, "title", "") or name,
            getattr(metric, "digits", Column.digits),
            metric.higher_is_better is not False,
            getattr(metric, "axis", Column.axis),
            getattr(metric, "axis_rank", Column.axis_rank),
            type(metric).__name__ in trains_on,
        )
        for name, metric in metrics.items()
    }
    titles = [column.title for column in columns.values()]
    told = {
        name: f"{name}: {column.title}" if titles.count(column.title) > 1 else column.title
        for name, column in columns.items()
    }
    return {
        name: replace(column, title=told[name] + (", trained on" if column.trained_on else ""))
        for name, column in columns.items()
    }


def written(columns: Mapping[str, Column]) -> dict[str, Any]:
    """Columns for JSON; `Column(**...)` reads one back without its metric."""
    return {name: asdict(column) for name, column in columns.items()}


def table(columns: Mapping[str, Column], rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown; columns of which nothing is known are left out.

    Args:
        columns: of the metrics, in their order.
        rows: as `sr.judge.score.row` makes them.
    """
    shown = {
        key: column for key, column in {**columns, **COSTS}.items() if any(row.get(key) is not None for row in rows)
    }
    lines = [
        "| set | model | " + " | ".join(column.title for column in shown.values()) + " |",
        "|---|---|" + "---:|" * len(shown),
    ]
    for row in rows:
        title = f"{row['set']} x{row['scale']} ({row['n']})"
        values = [column.show(row.get(key)) for key, column in shown.items()]
        lines.append(f"| {title} | {row['model']} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def protocol(
    scale: int, channels: int | None, metrics: Mapping[str, Any], degradation: Any, files: bool = True
) -> dict[str, Any]:
    """How the scores were made: it is part of the number.

    Args:
        scale, channels: of the images; None leaves channels as the files have them.
        metrics: name -> metric, each of which says its own part.
        degradation: that made lr; it says what it does.
        files: sets that have LR files were taken with them.
    """
    made = getattr(degradation, "protocol", type(degradation).__name__)
    gray = {3: "gray files expanded to RGB", 1: "colour files reduced to luma", None: "gray files left gray"}
    return {
        "scale": scale,
        "images": f"the means are over images; {gray.get(channels, f'{channels} channels')}",
        "lr": f"{'the files of the set, or ' if files else ''}HR {made}",
    } | {name: getattr(metric, "protocol", type(metric).__name__) for name, metric in metrics.items()}


def metrics_json(
    how: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], more: Mapping[str, Any] | None = None
) -> str:
    """The text of metrics.json, of a run's and of an evaluation's: {"protocol", "environment", "rows", and `more`}.

    Infinity, such as the PSNR of equal images, becomes null: JSON has no word for it.
    """
    told = {"protocol": how, "environment": environment(), "rows": rows, **(more or {})}
    return json.dumps(_finite(told), indent=1, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not isfinite(value) else value
