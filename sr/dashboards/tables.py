"""The tables of the page."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from .runs import Run
from .sections import BICUBIC

KEYS = ("step", "rule", "message", "advice")  # of a line of health.jsonl
NOT_SCORES = {"model", "set", "scale", "n", "ci95"}


def table(head: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "number") -> str:
    """HTML of cells that are HTML; all columns but the first are of a kind: number, value, or text in sentences."""
    side = f' class="{kind}"'

    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}{side if i else ''}>{cell}</{tag}>" for i, cell in enumerate(cells)) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f'<div class="wide"><table><thead>{line(head, "th")}</thead><tbody>{body}</tbody></table></div>'


def standing(runs: Sequence[Run]) -> str:
    """Of each run how far it is, and the best of each validation score with its step."""
    names = list(dict.fromkeys(n for run in runs for n in run.curves if n.startswith("val/") and BICUBIC not in n))
    rows = []
    for run in runs:
        state = "finished" if run.finished else "failed" if run.failed else "so far"
        told = f'<small class="failed">{escape(run.failed)}</small>' if run.failed else ""
        cells = [escape(run.label) + told, f"{run.step}<small>{state}</small>"]
        for name in names:
            best = run.best(name)
            if best is None and name in run.curves:
                best = run.curves[name][1][-1], run.curves[name][0][-1]
            _, bicubic = run.curves.get(name + BICUBIC, ([], []))
            told = f"<br>bicubic {number(bicubic[-1])}" if bicubic else ""
            cells.append(f"{number(best[0])}<small>step {best[1]}{told}</small>" if best else "-")
        rows.append(cells)
    titles = [f"{name.removeprefix('val/')}{_arrow(name, runs)}" for name in names]
    return table(["run", "steps", *map(escape, titles)], rows)


def scores(runs: Sequence[Run]) -> str:
    """The final tables of the runs, set by set, with the 95 % bootstrap intervals of the means where they are known."""
    every = [(run, row) for run in runs for row in run.metrics.get("rows", [])]
    names = list(dict.fromkeys(name for _, row in every for name in row if name not in NOT_SCORES))
    names = [name for name in names if any(row.get(name) is not None for _, row in every)]
    sets: dict[str, dict[str, list[str]]] = {}
    for run, row in sorted(every, key=lambda pair: pair[1]["model"] != "bicubic"):
        values = [number(row.get(name)) + _ends(row.get("ci95", {}).get(name)) for name in names]
        of_set = sets.setdefault(f"{row['set']} x{row['scale']} ({row['n']} images)", {})
        bicubic = row["model"] == "bicubic"  # once a set, whatever its speed was
        of_set.setdefault("bicubic" if bicubic else f"{run.label}: {row['model']}", values)
    rows = []
    for title, of_set in sets.items():
        rows.append([f"<strong>{escape(title)}</strong>", *([""] * len(names))])
        rows += [[escape(who), *values] for who, values in of_set.items()]
    return table(["run: what it kept", *map(escape, names)], rows) if rows else ""


def differing(runs: Sequence[Run], options: Mapping[str, Sequence[Any]]) -> str:
    """Options of the configurations that are not the same in all runs."""
    if len(runs) < 2:
        return ""
    rows = [[escape(name), *("-" if v is None else escape(str(v)) for v in values)] for name, values in options.items()]
    return table(["option", *(escape(run.label) for run in runs)], rows, "value") if rows else "<p>Nothing.</p>"


def health(runs: Sequence[Run]) -> str:
    """What was warned of while they ran."""
    rows = []
    for run in runs:
        for event in run.health:
            step, rule, message, advice = (escape(str(event.get(key, ""))) for key in KEYS)
            rows.append(
                [f"{escape(run.label)}<small>step {step}<br>{rule}</small>", f"{message}<small>{advice}</small>"]
            )
    if not rows:
        return "<p>No warnings.</p>"
    return table(["run", "what, and what to do"], rows, "text")


def number(value: Any) -> str:
    """With as many digits as one reads."""
    if value is None:
        return "-"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{round(value):,}".replace(",", "\u202f")
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4g}"


def _ends(ends: Sequence[float] | None) -> str:
    return f"<small>{number(ends[0])} to {number(ends[1])}</small>" if ends else ""


def _arrow(name: str, runs: Sequence[Run]) -> str:
    higher = next((higher for run in runs if (higher := run.higher_is_better(name)) is not None), None)
    return "" if higher is None else " ↑" if higher else " ↓"
