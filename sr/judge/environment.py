"""What scores were made with: versions, hardware, the commit."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path


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


def checkout() -> str | None:
    """The folder of this project's checkout; None where it was installed without one."""
    here = str(Path(__file__).resolve().parents[2])
    top = _git(here, "rev-parse", "--show-toplevel")
    return here if top and str(Path(top).resolve()) == here else None  # not that of whoever installed us


def commit() -> str:
    """The commit of this project's checkout, with a + where files have changed since; unknown outside of one."""
    here = checkout()
    if here is None:
        return "unknown"
    head, changed = _git(here, "rev-parse", "--short", "HEAD"), _git(here, "status", "--porcelain", "-uno")
    return "unknown" if head is None or changed is None else head + ("+" if changed else "")


def diff() -> str:
    """What has changed in the checkout since its commit; files that it does not know are left out."""
    here = checkout()
    return (_git(here, "diff", "HEAD") if here else None) or ""


def _git(folder: str, *arguments: str) -> str | None:
    """What git answers; None where there is no git, or it refuses."""
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, errors="replace")
    except OSError:
        return None
    return None if done.returncode else done.stdout.strip()
