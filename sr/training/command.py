"""The command line of a run, for its card and for whoever goes on with it."""

import shlex
import sys
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

CAREFUL = 1e-3  # a learning rate at which the bundled networks train


def command(**changed: Any) -> str:
    """`python -m sr.train ...` as it was given, or that of one job of a sweep; `changed` options take new values."""
    hydra = HydraConfig.get()
    given = list(hydra.overrides.task) if hydra.mode == RunMode.MULTIRUN else sys.argv[1:]
    kept = [word for word in given if word.split("=")[0].lstrip("+") not in {*changed, "sweep"}]
    return shlex.join(["python", "-m", "sr.train", *kept, *(f"{key}={value}" for key, value in changed.items())])


def gentler(config: Any) -> dict[str, Any]:
    """Options under which a run that has diverged may not: gradients clipped, a tenth of its learning rates."""
    options: dict[str, Any] = {"system.clip_norm": 1}
    for name, schedule in config.schedule.items():
        if schedule is not None and not OmegaConf.is_interpolation(config.schedule, name):  # or it follows another one
            rate = min(schedule.learning_rate / 10, CAREFUL)
            options[f"schedule.{name}.learning_rate"] = f"{rate:.2g}"
            if schedule.get("final", 0) > rate:
                options[f"schedule.{name}.final"] = f"{rate:.2g}"
    return options


def after_divergence(folder: Path, config: Any) -> str:
    """How to go on after a run has diverged: from before its loss rose, gentler."""
    healthy = folder / "checkpoints" / "healthy.ckpt"
    options = gentler(config)
    if not healthy.exists():
        return f"no checkpoint had been written yet; to start anew, gentler:\n  {command(**options)}"
    return f"to go on from before the loss rose, gentler:\n  {command(**options, resume=healthy)}"
