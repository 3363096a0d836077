"""One folder for all jobs of a sweep, claimed by one sweep; what is finished in it is not done again."""

import os
from datetime import datetime
from pathlib import Path
from time import sleep
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sr.errors import UserError
from sr.limits import leaves

# Options that make no other result, and what is written into config.yaml, not given.
HOW = ("callbacks.", "logger.", "trainer.", "data.workers", "data.cache", "system.log_every_steps", "sets")
CLAIMED = "SR_SWEEP"  # environment variable: the folder of the sweep, for this process and those that it starts


def is_finished(config: DictConfig, folder: Path) -> bool:
    """Whether an interrupted sweep that goes on has done this job already.

    Raises:
        UserError: that job was another one.
    """
    if config.resume is None or not (folder / "config.yaml").exists():
        return False
    changed = {key: of for key, of in changes(folder / "config.yaml", config).items() if not key.startswith(HOW)}
    if changed:
        told = ", ".join(f"{key} was {old}, is {new}" for key, (old, new) in changed.items())
        raise UserError(f"{folder} is of another sweep: {told}; start a new one without resume, or repeat its command")
    return (folder / "README.md").exists()


def best_of(folder: Path) -> dict[str, Any]:
    """The best checkpoint of a finished run: its cost, scores, step and phase."""
    import torch

    checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)
    return checkpoint["callbacks"]["Checkpoints"]["best"]


def changes(file: Path, config: DictConfig) -> dict[str, tuple[Any, Any]]:
    """Option -> (value in `file`, value now), where they differ; whether it is resumed is no difference."""
    plain = (OmegaConf.to_container(node, resolve=True) for node in (OmegaConf.load(file), config))
    before, now = (dict(leaves(node)) for node in plain)
    different = [key for key in before | now if before.get(key) != now.get(key) and key != "resume"]
    return {key: (before.get(key), now.get(key)) for key in different}


def sweep_name() -> str | None:
    """What the runs of this sweep share on a dashboard: the id of a W&B sweep, or the name of ours; None outside."""
    if CLAIMED not in os.environ:
        return os.environ.get("WANDB_SWEEP_ID")
    folder = Path(os.environ[CLAIMED])
    return f"{folder.parent.name}-{folder.name}"


def sweep_folder(outputs: str, name: str, resume: str | None) -> str:
    """Where the jobs of a sweep write: a new `outputs/name/sweep-<time>`, or that of the sweep to go on with.

    The first question decides for all jobs, for each of which Hydra asks again, under the name of its own experiment.

    Args:
        resume: None for a new sweep; `auto` for the newest of this name, or a new one where there is none; otherwise
            the folder of a sweep.

    Raises:
        UserError: no such sweep.
    """
    if CLAIMED not in os.environ:
        os.environ[CLAIMED] = str(_chosen(Path(outputs) / name, resume).resolve())
    return os.environ[CLAIMED]


def _chosen(parent: Path, resume: str | None) -> Path:
    if resume == "auto":
        sweeps = sorted(path for path in parent.glob("sweep-*") if path.is_dir())
        return sweeps[-1] if sweeps else _new(parent)
    if resume is None:
        return _new(parent)
    if not list(Path(resume).glob("*/.hydra")):
        raise UserError(f"resume={resume}: no jobs of a sweep in there; name the folder of a sweep, or auto")
    return Path(resume)


def _new(parent: Path) -> Path:
    """Made here, so that no other sweep can be given the same one."""
    while True:
        folder = parent / f"sweep-{datetime.now().strftime('%Y-%m-%d_%H-%M-%S-%f')}"
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            sleep(1e-5)
