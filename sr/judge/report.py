"""What an evaluation leaves behind: the table for people and for programs, how sure it is, and the figures."""

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sr.atomic import write_text
from sr.errors import UserError

from . import figures
from .environment import environment
from .results import Results
from .table import metrics_json, table


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot take the report, before any work is done.

    Raises:
        UserError: a file is in its place, or a README.md of somebody else in it.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"out={folder}: a file is there; name a folder")
    if (folder / "README.md").exists() and not (folder / "metrics.json").exists():
        raise UserError(f"out={folder}: its README.md is not ours and would be overwritten; name another folder")


def write(results: Results, folder: Path) -> list[dict[str, Any]]:
    """Write README.md, metrics.json, per_image.csv and the figures to `folder`; returns the comparisons in them."""
    pairs = results.pairs()
    write_text(folder / "metrics.json", metrics_json(results.how, results.rows, {"paired": pairs}))
    write_text(folder / "per_image.csv", _per_image(results))
    write_text(folder / "README.md", _page(results, pairs, []))  # nothing is lost if a figure cannot be drawn
    write_text(folder / "README.md", _page(results, pairs, _figures(results, folder)))
    return pairs


def tell(results: Results, folder: Path) -> None:
    """Print the table and write all of it to `folder`; what is missing goes to stderr."""
    print(f"\n{table(results.columns, results.rows)}\n")
    pairs = write(results, folder)
    print(*map(sentence, pairs), *results.notes, sep="\n")
    print(f"\n{folder}/README.md has the intervals, the protocol and the figures", flush=True)
    if results.complaints:
        print(f"\n{len(results.complaints)} missing:", *results.complaints, sep="\n  ", file=sys.stderr)


def sentence(pair: Mapping[str, Any]) -> str:
    """One comparison in words."""
    if pair["ci95"] is None:
        return f"{pair['set']}, {pair['metric']}: {pair['a']} and {pair['b']} share no image"
    low, high = (f"{end:+.4g}" for end in pair["ci95"])
    return (
        f"{pair['set']}, {pair['metric']}: {pair['a']} is better than {pair['b']} on {pair['better']} of {pair['n']} "
        f"images, {pair['difference']:+.4g} [{low}, {high}]"
    )


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
        figures.close_ups(examples, folder / "panel.png")
        drawn.append(("panel.png", "the box out of each model's image"))
    x, y = (figures.drawn_on(results.columns, axis) for axis in figures.AXES)
    if x and y and all(any(row.get(name) is not None for row in results.rows) for name in (x, y)):
        better = figures.scatter(results.rows, results.columns, x, y, folder / "perception_distortion.png")
        drawn.append(("perception_distortion.png", f"distortion against perception; {better} is better"))
    return drawn


def _page(results: Results, pairs: Sequence[Mapping[str, Any]], drawn: Sequence[tuple[str, str]]) -> str:
    here = environment()
    sets = dict.fromkeys(name for name, _ in results.records)
    lines = [
        f"# {', '.join(results.models)} on {', '.join(sets)}", "",
        f"    {results.command}", "", table(results.columns, results.rows), "",
        *[f"![{what}]({file})\n" for file, what in drawn],
        "## How sure", "", "95 % bootstrap intervals of the means, over images.", "",
        *_intervals(results), "",
        *[f"- {sentence(pair)}" for pair in pairs], "",
        "## How measured", "", *[f"- {name}: {text}" for name, text in results.how.items()],
        "- ms/MP: milliseconds for a megapixel of output; memory: tensors alive at once for the largest image",
        f"- {here['device']}, torch {here['torch']}, Python {here['python']}, commit {here['commit']}",
        *[f"- {note}" for note in results.notes],
    ]  # fmt: skip
    if results.complaints:
        lines += ["", "## Missing", "", *[f"- {line}" for line in results.complaints]]
    return "\n".join(lines) + "\n"


def _intervals(results: Results) -> list[str]:
    """Lines of their table; metrics without any are left out."""
    shown = {
        name: column for name, column in results.columns.items() if any(name in row["ci95"] for row in results.rows)
    }
    lines = ["| set | model | " + " | ".join(shown) + " |", "|---|---|" + "---|" * len(shown)]
    for row in results.rows:
        ends = [" to ".join(column.show(end) for end in row["ci95"].get(name, [])) for name, column in shown.items()]
        lines.append(f"| {row['set']} | {row['model']} | " + " | ".join(ends) + " |")
    return lines
