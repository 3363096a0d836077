"""The leaderboard of kept runs: a table made of what their cards and scores say."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sr.atomic import write_text
from sr.errors import UserError

SETS = ("Set5", "Set14", "BSD100")
BEGIN, END = "<!-- made by python -m sr.report --records -->", "<!-- to here -->"
CARD = re.compile(r"^(?P<device>.+), (?P<time>(\d+ h )?\d+ min), (?P<steps>\d+) steps", re.MULTILINE)
QUESTION = re.compile(r"\*\*Question\.\*\* (.+?)\n\n", re.DOTALL)


@dataclass
class Record:
    """A run that has been kept.

    Args:
        folder: of the record.
        scale: of its network.
        scores: (set, metric) -> value, of the model that the run was for.
        parameters: of the generator; None where the run did not say.
        question: that the run was to answer.
        cost: time, steps and hardware.
    """

    folder: Path
    scale: int
    scores: dict[tuple[str, str], float]
    parameters: int | None
    question: str
    cost: str


def renew(folder: Path) -> int:
    """Write the table into <folder>/README.md, between its two marks; returns the number of records.

    Raises:
        UserError: no such file, or it has no marks.
    """
    page = folder / "README.md"
    if not page.exists():
        raise UserError(f"{page}: no such file; the table of records is written between two marks in it")
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"{page}: the marks {BEGIN} and {END} are missing; the table is written between them")
    records = [read(file.parent) for file in sorted(folder.glob("*/metrics.json"))]
    write_text(page, f"{before}{BEGIN}\n\n{table(records)}\n\n{END}{after}")
    return len(records)


def read(folder: Path) -> Record:
    """A record from its metrics.json and README.md.

    Raises:
        UserError: its card does not say what the run cost, or no question is asked.
    """
    found, card = json.loads((folder / "metrics.json").read_text()), (folder / "README.md").read_text()
    cost, question = CARD.search(card), QUESTION.search(card)
    if cost is None or question is None:
        raise UserError(
            f"{folder}/README.md: a record has the line of its card with time and steps, and a **Question.**"
        )
    kept = [row for row in found["rows"] if row["model"] == found.get("model", "best")]
    return Record(
        folder,
        kept[0]["scale"],
        {(row["set"].lower(), name): row[name] for row in kept for name in ("psnr_y", "st_lpips") if name in row},
        next((int(row["parameters"]) for row in kept if row.get("parameters")), None),
        " ".join(question[1].split()).replace("](../", "]("),  # links from one folder up
        f"{cost['time']}, {cost['steps']} steps, {cost['device']}",
    )


def table(records: list[Record]) -> str:
    """Markdown, a table for each scale: the best ST-LPIPS on the first set first."""
    titles = ["record", "question", "cost", "parameters", *SETS]
    parts = []
    for scale in sorted({record.scale for record in records}, reverse=True):
        of_scale = [record for record in records if record.scale == scale]
        of_scale.sort(key=lambda record: (record.scores.get((SETS[0].lower(), "st_lpips"), 1.0), record.folder.name))
        lines = [f"x{scale}, PSNR-Y (dB) / ST-LPIPS:", ""]
        lines += [f"| {' | '.join(titles)} |", "|---|---|---|---:|" + "---|" * len(SETS)]
        parts.append("\n".join([*lines, *map(_line, of_scale)]))
    return "\n\n".join(parts)


def _line(record: Record) -> str:
    size = "-" if record.parameters is None else f"{record.parameters / 1e6:.2f} M"
    name = f"[{record.folder.name}]({record.folder.name}/README.md)"
    return f"| {' | '.join([name, record.question, record.cost, size, *(_cell(record.scores, of) for of in SETS)])} |"


def _cell(scores: Mapping[tuple[str, str], Any], name: str) -> str:
    psnr, lpips = (scores.get((name.lower(), metric)) for metric in ("psnr_y", "st_lpips"))
    return "-" if psnr is None or lpips is None else f"{psnr:.2f} / {lpips:.3f}"
