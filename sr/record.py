"""The record of a run: metrics.json for programs, README.md for people, weights with a header that tells all."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sr.atomic import write_text

METRIC_TITLES = {"psnr_y": "PSNR-Y (dB)", "ssim_y": "SSIM-Y", "psnr": "PSNR (dB)", "ssim": "SSIM",
                 "st_lpips": "ST-LPIPS (lower is better)"}  # fmt: skip


def protocol(scale: int) -> dict[str, Any]:
    """How the scores were made: it is part of the number."""
    return {
        "sr": "rounded to 8 bits",
        "crop_border_px": scale,
        "y": "BT.601 studio swing, unrounded; gray files expanded to RGB for networks of three channels",
        "psnr": "peak 255, mean over images",
        "ssim": "11x11 Gaussian, sigma 1.5, valid region, K = 0.01, 0.03, mean over images",
        "st_lpips": "ST-LPIPS v0.0, AlexNet, whole RGB images",
    }


def environment() -> dict[str, str]:
    """Versions and hardware."""
    import pytorch_lightning as pl
    import torch

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning": pl.__version__,
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
    here = Path(__file__).resolve().parent
    try:
        head = _git(here, "rev-parse", "--short", "HEAD")
        return head + ("+" if _git(here, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows of model, set, scale, n and metrics as Markdown."""
    metrics = [key for key in rows[0] if key not in ("model", "set", "scale", "n")]
    lines = [
        "| set | model | " + " | ".join(METRIC_TITLES.get(m, m) for m in metrics) + " |",
        "|---|---|" + "---:|" * len(metrics),
    ]
    for row in rows:
        title = f"{row['set']} x{row['scale']} ({row['n']})"
        lines.append(f"| {title} | {row['model']} | " + " | ".join(_format(m, row[m]) for m in metrics) + " |")
    return "\n".join(lines)


def write(
    folder: Path, command: str, config: dict[str, Any], rows: list[dict[str, Any]], seconds: float, steps: int
) -> None:
    """Write metrics.json and README.md, the one-page card of the run."""
    here = environment()
    about = {"protocol": protocol(config["scale"]), "environment": here, "rows": rows}
    write_text(folder / "metrics.json", json.dumps(about, indent=1) + "\n")
    phases = ", ".join(f"{count} {name}" for name, count in config["steps"].items() if count and name != "ramp")
    hours, minutes = divmod(round(seconds / 60), 60)
    card = f"""# {config["name"]}

    {command}

{here["device"]}, {f"{hours} h " if hours else ""}{minutes} min, {steps} steps ({phases}),
commit {here["commit"]}, torch {here["torch"]}.

{table(rows)}

Protocol: {"; ".join(f"{key} {value}" for key, value in protocol(config["scale"]).items())}.

![LR, bicubic and what the run kept, beside the original](samples/final.png)

Curves: [curves.csv](curves.csv). Configuration: [config.yaml](config.yaml). Use it on your own picture:

    python -m sr.upscale PHOTO -o OUT --model {os.path.relpath(folder)}
"""
    write_text(folder / "README.md", card)


def about_weights(config: dict[str, Any], scores: list[dict[str, Any]]) -> dict[str, Any]:
    """What the header of a weights file says."""
    target = config["generator"]["_target_"]
    return {
        "generator": target.rsplit(".", 1)[-1],
        "arguments": {key: value for key, value in config["generator"].items() if key != "_target_"},
        "scale": config["scale"],
        "channels": config["channels"],
        "range": [0, 1],
        "data": config["data"].get("root") or config["data"].get("hr") or config["data"]["_target_"],
        "commit": commit(),
        "scores": scores,
    }


def _format(metric: str, value: float) -> str:
    return f"{value:.2f}" if "psnr" in metric else f"{value:.4f}"


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()
