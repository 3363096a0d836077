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
    phases = ", ".join(f"{config['steps'][name]} {name}" for name in ("pixel", "adversarial") if config["steps"][name])
    if clock := config["steps"].get("minutes"):
        unit = "min of processor time" if config["steps"].get("clock") == "processor" else "min"
        phases = f"the clock ended each phase, {clock:g} {unit} in all shared as {phases}: not repeatable to the bit"
    hours, minutes = divmod(round(seconds / 60), 60)
    card = f"""# {config["name"]}

    {command}

{here["device"]}, {f"{hours} h " if hours else ""}{minutes} min, {steps} steps ({phases}),
commit {here["commit"]}, torch {here["torch"]}.

{table(columns, rows)}

Protocol: {"; ".join(f"{key} {value}" for key, value in how.items())}.

![LR, bicubic and what the run kept, beside the original](samples/final.png)

Curves: [curves.csv](curves.csv). Configuration: [config.yaml](config.yaml). Use it on your own picture:

    python -m sr.upscale PHOTO -o OUT --model {os.path.relpath(folder)}
"""
    write_text(folder / "README.md", card)


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
