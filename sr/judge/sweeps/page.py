"""README.md and sweep.json of a sweep."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sr.atomic import write_text

from ..figures import AXES, drawn_on
from ..table import Column
from . import pictures, search
from .scores import Key, Scored, best, bicubic, columns_of, differences, named, over_seeds, points, read

ENDINGS = ("finished", "pruned", "failed", "unfinished")


def tell(sweep: Path, command: str) -> None:
    """Write what the jobs of a sweep have come to, and print it in short."""
    jobs = read(sweep)
    if not jobs:
        return
    write(sweep, command, jobs)
    print(f"\n{_table(jobs)}\n\n{_outcome(jobs)}\n{sweep}/README.md has the table and the pictures; "
          f"python -m sr.report {sweep} compares the curves", flush=True)  # fmt: skip


def write(sweep: Path, command: str, jobs: Sequence[Scored]) -> None:
    """Write sweep.json, README.md and the pictures.

    Args:
        sweep: its folder.
        command: the command line.
        jobs: as `scores.read` finds them.
    """
    searched = search.found(sweep, jobs)
    plain = _plain(sweep, command, jobs) | ({"search": searched} if searched else {})
    write_text(sweep / "sweep.json", json.dumps(plain, indent=1) + "\n")
    found = search.section(searched) if searched else []
    write_text(sweep / "README.md", _page(sweep, command, jobs, found, []))  # if a picture cannot be drawn
    drawn = [("panels.png", "what each job made")] if pictures.panels(jobs, sweep / "panels.png") else []
    drawn += [("curves.png", "how each job went")] if pictures.curves(jobs, sweep / "curves.png") else []
    if not searched and pictures.plane(jobs, sweep / "plane.png"):
        drawn.insert(0, ("plane.png", "fidelity against perception"))
    if searched and search.picture(searched, sweep / "search.png"):
        drawn.insert(0, ("search.png", "what the search found, and what mattered"))
    write_text(sweep / "README.md", _page(sweep, command, jobs, found, drawn))


def _plain(sweep: Path, command: str, jobs: Sequence[Scored]) -> dict[str, Any]:
    """All of it for programs."""

    def nested(scores: Mapping[Key, Any]) -> dict[str, dict[str, Any]]:
        sets = dict.fromkeys(images for images, _ in scores)
        return {name: {metric: of for (images, metric), of in scores.items() if images == name} for name in sets}

    told = [asdict(each.job) | {"folder": each.job.folder.name, "scores": nested(each.scores)} for each in jobs]
    repeated = [
        {"options": list(point), "seeds": [each.job.seed for each in of], "scores": nested(over)}
        for point, of in points(jobs).items()
        if (over := over_seeds(of))
    ]
    return {"sweep": sweep.name, "command": command, "jobs": told, "bicubic": nested(bicubic(jobs)),
            "mean_and_spread": repeated, "paired": differences(jobs)}  # fmt: skip


def _page(
    sweep: Path, command: str, jobs: Sequence[Scored], found: Sequence[str], drawn: Sequence[tuple[str, str]]
) -> str:
    lines = [f"# {sweep.parent.name}, {sweep.name}", "", f"    {command}", "", _outcome(jobs), "", _table(jobs), ""]
    if points(jobs):
        lines += ["In bold the best job of each column; ± is the sample standard deviation over seeds.", ""]
    if pairs := differences(jobs):
        lines += ["## Seed by seed", "", *map(_sentence, pairs_with(jobs, pairs)), ""]
    lines += found
    lines += [f"![{what}]({file})\n" for file, what in drawn]
    lines += [f"- job {each.job.number}: [{named(each.job.options)}]({each.job.folder.name}/README.md)" for each in jobs
              if each.scores]  # fmt: skip
    return "\n".join(lines) + "\n"


def pairs_with(jobs: Sequence[Scored], pairs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pairs, each with the column of its metric."""
    columns = columns_of(jobs)
    return [pair | {"column": columns[pair["set"], pair["metric"]]} for pair in pairs]


def _sentence(pair: Mapping[str, Any]) -> str:
    column: Column = pair["column"]
    difference = f"{pair['difference']:+.{column.digits}f} ± {column.show(pair['spread'])}"
    return (
        f"- {pair['set']}, {column.title}: {named(pair['a'])} against {named(pair['b'])} {difference}, "
        f"better with {pair['better']} of {len(pair['seeds'])} seeds"
    )


def _outcome(jobs: Sequence[Scored]) -> str:
    """How many finished, which is best, and why the others have no score."""
    endings = [each.job.status for each in jobs]
    counts = [f"{endings.count(ending)} {ending}" for ending in ENDINGS if ending in endings]
    lines = [f"{len(jobs)} jobs: {', '.join(counts)}."]
    columns = columns_of(jobs)
    first = next((images for images, _ in columns), "")
    of_first = {metric: column for (images, metric), column in columns.items() if images == first}
    for axis in AXES:
        metric = drawn_on(of_first, axis)
        winner = best(jobs, (first, metric)) if metric else None
        if metric and winner:
            value = of_first[metric].show(winner.scores[first, metric])
            lines.append(f"Best {of_first[metric].title} on {first}: job {winner.job.number} "
                         f"({named(winner.job.options)}), {value}.")  # fmt: skip
    lines += [f"Job {each.job.number} ({named(each.job.options)}) failed: {each.job.message}" for each in jobs
              if each.job.status == "failed"]  # fmt: skip
    if any(each.job.status == "unfinished" for each in jobs):
        lines.append("The same command with resume=auto goes on with what is unfinished.")
    return "\n\n".join(lines)


def _table(jobs: Sequence[Scored]) -> str:
    """Markdown: bicubic, each job, and below jobs that repeat each other their mean and spread."""
    columns = columns_of(jobs)
    sets = dict.fromkeys(images for images, _ in columns)
    titles = [column.title if len(sets) == 1 else f"{images}: {column.title}"
              for (images, _), column in columns.items()]  # fmt: skip
    winners = {key: best(jobs, key) for key in columns}
    lines = [
        "| job | options | " + " | ".join([*titles, "status"]) + " |",
        "|---|---|" + "---:|" * len(titles) + "---|",
    ]

    def line(name: str, options: str, cells: list[str], status: str) -> None:
        lines.append("| " + " | ".join([name, options.replace("|", "\\|"), *cells, status]) + " |")

    reference = bicubic(jobs)
    if reference:
        line("", "bicubic", [column.show(reference.get(key)) for key, column in columns.items()], "")
    told = points(jobs)
    for each in jobs:
        cells = [column.show(each.scores.get(key)) for key, column in columns.items()]
        bold = [f"**{cell}**" if winners[key] is each and len(jobs) > 1 else cell
                for key, cell in zip(columns, cells, strict=True)]  # fmt: skip
        line(str(each.job.number), named(each.job.options, ""), bold, each.job.status)
    for point, of in told.items():
        if over := over_seeds(of):
            cells = [f"{column.show(over[key][0])} ± {column.show(over[key][1])}" if key in over else "-"
                     for key, column in columns.items()]  # fmt: skip
            line("", f"{named(point)}, {len(of)} seeds", cells, "mean ± spread")
    return "\n".join(lines)
