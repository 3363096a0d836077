"""What an evaluation leaves behind: the table for people and for programs, how sure it is, and the figures."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sr.atomic import write_text
from sr.judge import compare, figures
from sr.judge.environment import environment
from sr.judge.figures import Example
from sr.judge.table import Column, metrics_json, table


@dataclass
class Results:
    """Of some models on some sets.

    Args:
        command: that made them.
        how: the protocol.
        columns: metric -> how it is shown, in the order of the table.
        models: names; the first is the one that the others are compared with.
        rows: of the table.
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
    records: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def add(self, row: dict[str, Any], records: list[dict[str, Any]]) -> None:
        """One model on one set."""
        values = {name: [v for v in scores(records, name).values() if v is not None] for name in self.columns}
        self.rows.append(row | {"ci95": {name: compare.interval(v) for name, v in values.items() if v}})
        self.records[row["set"], row["model"]] = records


def write(results: Results, folder: Path) -> list[dict[str, Any]]:
    """Write README.md, metrics.json, per_image.csv and the figures to `folder`; returns the comparisons in them."""
    pairs = compared(results)
    write_text(folder / "metrics.json", metrics_json(results.how, results.rows, {"paired": pairs}))
    write_text(folder / "per_image.csv", _per_image(results))
    write_text(folder / "README.md", _page(results, pairs, []))  # nothing is lost if a figure cannot be drawn
    write_text(folder / "README.md", _page(results, pairs, _figures(results, folder)))
    return pairs


def compared(results: Results) -> list[dict[str, Any]]:
    """Every model against the first one, on each set, by each metric."""
    first, *others = results.models
    pairs = []
    for name in dict.fromkeys(images for images, _ in results.records):
        for other in others:
            keys = [(name, model) for model in (other, first)]
            if not all(key in results.records for key in keys):
                continue  # interrupted
            for metric, column in results.columns.items():
                a, b = (scores(results.records[key], metric) for key in keys)
                pair = {"set": name, "metric": metric, "a": other, "b": first}
                pairs.append(pair | compare.paired(a, b, column.higher_is_better))
    return pairs


def sentence(pair: Mapping[str, Any]) -> str:
    """One comparison in words."""
    if pair["ci95"] is None:
        return f"{pair['set']}, {pair['metric']}: {pair['a']} and {pair['b']} share no image"
    low, high = (f"{end:+.4g}" for end in pair["ci95"])
    return (
        f"{pair['set']}, {pair['metric']}: {pair['a']} is better than {pair['b']} on {pair['better']} of {pair['n']} "
        f"images, {pair['difference']:+.4g} [{low}, {high}]"
    )


def scores(records: Sequence[Mapping[str, Any]], metric: str) -> dict[str, float | None]:
    """Image -> its score, of the images that could be scored."""
    return {one["image"]: one["scores"].get(metric) for one in records if "scores" in one}


def _per_image(results: Results) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["set", "image", "model", *results.columns, "ms", "failed"])
    for (name, model), records in results.records.items():
        for one in records:
            values = [one.get("scores", {}).get(metric) for metric in results.columns]
            writer.writerow([name, one["image"], model, *values, one.get("ms"), one.get("failed")])
    return text.getvalue()


def _figures(results: Results, folder: Path) -> list[tuple[str, str]]:
    """Draws what can be drawn; (file, what it shows) of each."""
    drawn = []
    examples = [example for example in results.examples if len(example.crops) > 1]
    if examples:
        figures.panel(examples, folder / "panel.png")
        drawn.append(("panel.png", "the box out of each model's image"))
    x, y = (figures.drawn_on(results.columns, axis) for axis in figures.AXES)
    if x and y and all(any(row.get(name) is not None for row in results.rows) for name in (x, y)):
        better = figures.scatter(results.rows, results.columns, x, y, folder / "perception_distortion.png")
        drawn.append(("perception_distortion.png", f"distortion against perception; {better} is better"))
    return drawn


def _page(results: Results, pairs: Sequence[Mapping[str, Any]], drawn: Sequence[tuple[str, str]]) -> str:
    here = environment()
    names = [name for name in results.columns if any(name in row["ci95"] for row in results.rows)]
    intervals = []
    for row in results.rows:
        ends = [" to ".join(results.columns[name].show(end) for end in row["ci95"].get(name, [])) for name in names]
        intervals.append(f"| {row['set']} | {row['model']} | " + " | ".join(ends) + " |")
    sets = dict.fromkeys(name for name, _ in results.records)
    lines = [
        f"# {', '.join(results.models)} on {', '.join(sets)}", "",
        f"    {results.command}", "", table(results.columns, results.rows), "",
        *[f"![{what}]({file})\n" for file, what in drawn],
        "## How sure", "", "95 % bootstrap intervals of the means, over images.", "",
        "| set | model | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names), *intervals, "",
        *[f"- {sentence(pair)}" for pair in pairs], "",
        "## How measured", "", *[f"- {name}: {text}" for name, text in results.how.items()],
        "- ms/MP: milliseconds for a megapixel of output; memory: tensors alive at once for the largest image",
        f"- {here['device']}, torch {here['torch']}, Python {here['python']}, commit {here['commit']}",
        *[f"- {note}" for note in results.notes],
    ]  # fmt: skip
    if results.complaints:
        lines += ["", "## Missing", "", *[f"- {line}" for line in results.complaints]]
    return "\n".join(lines) + "\n"
