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
    here = Path(__file__).resolve().parents[2]
    try:
        inside = Path(_git(here, "rev-parse", "--show-toplevel")).resolve() == here  # not of whoever installed us
    except (OSError, subprocess.CalledProcessError):
        return None
    return str(here) if inside else None


def commit() -> str:
    """The commit of this project's checkout, with a + where files have changed since; unknown outside of one."""
    here = checkout()
    if here is None:
        return "unknown"
    try:
        head = _git(Path(here), "rev-parse", "--short", "HEAD")
        return head + ("+" if _git(Path(here), "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def diff() -> str:
    """What has changed in the checkout since its commit; files that it does not know are left out."""
    here = checkout()
    try:
        return _git(Path(here), "diff", "HEAD") if here else ""
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True, errors="replace"
    ).stdout.strip()
