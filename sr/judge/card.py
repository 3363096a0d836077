"""The card of a run, metrics.json beside it, and what weights say of themselves."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sr.atomic import write_text

from .environment import commit, environment
from .table import Column, metrics_json, table, written


def write(
    folder: Path,
    command: str,
    config: dict[str, Any],
    how: dict[str, Any],
    columns: Mapping[str, Column],
    rows: list[dict[str, Any]],
    seconds: float,
    steps: int,
    model: str,
) -> None:
    """Write metrics.json and README.md, the one-page card of the run.

    Args:
        folder: of the run.
        command: the command line that made it.
        config: of the run, resolved.
        how: the protocol of its scores.
        columns: of its metrics.
        rows: of its table.
        seconds: that it took.
        steps: updates of the generator.
        model: of the table, the one that the run is for.
    """
    here = environment()
    write_text(folder / "metrics.json", metrics_json(how, rows, {"model": model, "columns": written(columns)}))
    planned = {name: config["steps"][name] for name in ("pixel", "adversarial") if config["steps"][name]}
    made = _made(planned, steps)
    phases = _told(made)
    if made != planned:
        phases += f", of {_told(planned)} that were planned"
    if clock := config["steps"].get("minutes"):
        unit = "min of processor time" if config["steps"].get("clock") == "processor" else "min"
        phases = (
            f"the clock ended each phase, {clock:g} {unit} in all shared as {_told(planned)}: not repeatable to the bit"
        )
    hours, minutes = divmod(round(seconds / 60), 60)
    curves = "Curves: [curves.csv](curves.csv). " if (folder / "curves.csv").exists() else ""
    tags = f"Tags: {', '.join(config['tags'])}.\n\n" if config.get("tags") else ""
    card = f"""# {config["name"]}

    {command}

{here["device"]}, {f"{hours} h " if hours else ""}{minutes} min, {steps} steps ({phases}),
commit {here["commit"]}, torch {here["torch"]}.

{tags}{table(columns, rows)}

Protocol: {"; ".join(f"{key} {value}" for key, value in how.items())}.

![LR, bicubic and what the run kept, beside the original](samples/final.png)

{curves}Configuration: [config.yaml](config.yaml). Use it on your own picture:

    python -m sr.upscale PHOTO -o OUT --model {os.path.relpath(folder)}
"""
    write_text(folder / "README.md", card)


def _made(planned: dict[str, int], steps: int) -> dict[str, int]:
    """How many of these steps each phase had: the last one has all that are left."""
    made = {}
    for name, count in planned.items():
        made[name] = steps if name == list(planned)[-1] else min(count, steps)
        steps -= made[name]
    return {name: count for name, count in made.items() if count}


def _told(phases: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in phases.items())


def about_weights(config: dict[str, Any], scores: list[dict[str, Any]]) -> dict[str, Any]:
    """What the header of a weights file says.

    Args:
        config: of the run, resolved.
        scores: rows of its table.
    """
    target, given = config["generator"]["_target_"], config["data"].get("range")
    return {
        "generator": target.rsplit(".", 1)[-1],
        "arguments": {key: value for key, value in config["generator"].items() if not key.startswith("_")},
        "scale": config["scale"],
        "channels": config["channels"],
        "range": given and {"low": given[0], "high": given[1]},
        "data": config["data"].get("root") or config["data"].get("hr") or config["data"]["_target_"],
        "commit": commit(),
        "scores": scores,
    }
