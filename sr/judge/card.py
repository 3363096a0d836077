"""The record of a run: metrics.json for programs, README.md for people, weights with a header that tells all."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sr.atomic import write_text

TITLES = {
    "psnr_y": "PSNR-Y (dB)", "ssim_y": "SSIM-Y", "psnr_rgb": "PSNR-RGB (dB)", "ssim_rgb": "SSIM-RGB",
    "psnr": "PSNR (dB)", "ssim": "SSIM", "st_lpips": "ST-LPIPS (lower is better)", "lpips": "LPIPS (lower)",
    "dists": "DISTS (lower)", "niqe": "NIQE (lower)", "lr_psnr": "LR-PSNR (dB)", "sam": "SAM (deg, lower)",
    "ergas": "ERGAS (lower)", "ms_per_mp": "ms/MP", "peak_mb": "memory (MB)", "parameters": "parameters",
}  # fmt: skip
ABOUT_A_ROW = ("model", "set", "scale", "n", "ci95")


def protocol(scale: int, channels: int | None, metrics: Mapping[str, Any], degradation: Any) -> dict[str, Any]:
    """How the scores were made: it is part of the number.

    Args:
        scale, channels: of the images; None leaves channels as the files have them.
        metrics: name -> metric, each of which says its own part.
        degradation: that made lr where a set has no files of it; it says what it does.
    """
    gray = {3: "gray files expanded to RGB", 1: "colour files reduced to luma", None: "gray files left gray"}
    return {
        "scale": scale,
        "images": f"the means are over images; {gray.get(channels, f'{channels} channels')}",
        "lr": f"the files of the set, or HR {getattr(degradation, 'protocol', type(degradation).__name__)}",
    } | {name: getattr(metric, "protocol", type(metric).__name__) for name, metric in metrics.items()}


def environment() -> dict[str, str]:
    """Versions and hardware."""
    return {
        "python": platform.python_version(),
        "torch": version("torch"),
        "lightning": version("pytorch-lightning"),
        "device": device_name(),
        "commit": commit(),
    }


def device_name() -> str:
    """The GPUs, or the processor and how many of its cores are ours."""
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = names[0] if names else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores of {name}"


def commit() -> str:
    """The commit of this project's checkout, with a + where files have changed since; unknown outside of one."""
    here = Path(__file__).resolve().parents[1]
    try:
        if Path(_git(here, "rev-parse", "--show-toplevel")).resolve() != here.parent:  # of whoever installed us
            return "unknown"
        head = _git(here, "rev-parse", "--short", "HEAD")
        return head + ("+" if _git(here, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows of model, set, scale, n and metrics as Markdown; columns of which nothing is known are left out."""
    keys = [key for key in rows[0] if key not in ABOUT_A_ROW and any(row.get(key) is not None for row in rows)]
    lines = [
        "| set | model | " + " | ".join(TITLES.get(key, key) for key in keys) + " |",
        "|---|---|" + "---:|" * len(keys),
    ]
    for row in rows:
        title = f"{row['set']} x{row['scale']} ({row['n']})"
        lines.append(f"| {title} | {row['model']} | " + " | ".join(show(key, row.get(key)) for key in keys) + " |")
    return "\n".join(lines)


def show(metric: str, value: float | None) -> str:
    """A value with as many digits as papers print."""
    if value is None:
        return "-"
    if metric == "parameters":
        return f"{value / 1e6:.2f} M" if value >= 1e4 else str(value)
    return f"{value:.{2 if 'psnr' in metric else 0 if metric in ('ms_per_mp', 'peak_mb') else 4}f}"


def metrics_json(
    how: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], more: Mapping[str, Any] | None = None
) -> str:
    """The text of metrics.json, of a run's and of an evaluation's: {"protocol", "environment", "rows", and `more`}."""
    return json.dumps({"protocol": how, "environment": environment(), "rows": rows, **(more or {})}, indent=1) + "\n"


def write(
    folder: Path,
    command: str,
    config: dict[str, Any],
    how: dict[str, Any],
    rows: list[dict[str, Any]],
    seconds: float,
    steps: int,
) -> None:
    """Write metrics.json and README.md, the one-page card of the run; `how` is its protocol."""
    here = environment()
    write_text(folder / "metrics.json", metrics_json(how, rows))
    phases = ", ".join(f"{count} {name}" for name, count in config["steps"].items() if count and name != "ramp")
    hours, minutes = divmod(round(seconds / 60), 60)
    card = f"""# {config["name"]}

    {command}

{here["device"]}, {f"{hours} h " if hours else ""}{minutes} min, {steps} steps ({phases}),
commit {here["commit"]}, torch {here["torch"]}.

{table(rows)}

Protocol: {"; ".join(f"{key} {value}" for key, value in how.items())}.

![LR, bicubic and what the run kept, beside the original](samples/final.png)

Curves: [curves.csv](curves.csv). Configuration: [config.yaml](config.yaml). Use it on your own picture:

    python -m sr.upscale PHOTO -o OUT --model {os.path.relpath(folder)}
"""
    write_text(folder / "README.md", card)


def about_weights(config: dict[str, Any], scores: list[dict[str, Any]]) -> dict[str, Any]:
    """What the header of a weights file says."""
    target, given = config["generator"]["_target_"], config["data"].get("range")
    return {
        "generator": target.rsplit(".", 1)[-1],
        "arguments": {key: value for key, value in config["generator"].items() if key != "_target_"},
        "scale": config["scale"],
        "channels": config["channels"],
        "range": given and {"low": given[0], "high": given[1]},
        "data": config["data"].get("root") or config["data"].get("hr") or config["data"]["_target_"],
        "commit": commit(),
        "scores": scores,
    }


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()
