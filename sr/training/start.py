"""How a run starts: from nothing, from weights that are there, or where it stopped."""

from pathlib import Path
from typing import Any

import torch

from sr.errors import UserError, reason
from sr.weights import store as weights

from .system import PixelSystem


def start(system: PixelSystem, folder: Path, init_from: str | None, resume: str | None) -> Path | None:
    """The checkpoint to continue, already found to fit `system`; None for a new run, given its first weights here.

    Args:
        folder: of the run.
        init_from: weights for the generator.
        resume: None, auto, the folder of a run, or one of its checkpoints.

    Raises:
        UserError: a checkpoint or weights that cannot be used.
    """
    if resume is not None:
        named = Path(resume)
        checkpoint = named if named.suffix == ".ckpt" else folder / "checkpoints" / "last.ckpt"
        if checkpoint.exists():
            _must_fit(system, checkpoint, f"resume={resume}")
            return checkpoint
    if init_from is not None:
        _start_from(system, init_from)
    return None


def _start_from(system: PixelSystem, path: str) -> None:
    """Give the generator and its average the weights of a `.safetensors`, a checkpoint or a run."""
    try:
        state = weights.averaged_of(path) if path.endswith(".ckpt") else weights.load(path)[0].state_dict()
        for network in (system.generator, system.generator_ema):
            network.load_state_dict(state)
    except (RuntimeError, ValueError, OSError) as error:
        raise UserError(f"init_from={path}: {reason(error)}; it must hold weights of this very "
                          "generator (compare generator=... and its arguments)") from error  # fmt: skip
    if bad := _not_finite(state):
        raise UserError(f"init_from={path}: {bad} holds NaN or infinite values; name weights of a run that went well")


def _must_fit(system: PixelSystem, path: Path, given: str) -> None:
    """Refuse a checkpoint that Lightning could load only in part."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        state, optimizers = checkpoint["state_dict"], checkpoint["optimizer_states"]
    except Exception as error:  # whatever a damaged or a stranger's file makes of it
        raise UserError(f"{given}: {path} is not a checkpoint that can be read ({reason(error)}); name another one of "
                        "the run, such as checkpoints/healthy.ckpt or best.ckpt") from error  # fmt: skip
    ours = system.state_dict()
    for name in ours.keys() | state.keys():
        a, b = (tuple(each[name].shape) if name in each else "nothing" for each in (state, ours))
        if a != b:
            raise UserError(f"{given}: the checkpoint has {a} for {name}, this configuration {b}; resume with the "
                            "networks and losses that the run was started with")  # fmt: skip
    if bad := _not_finite(state):
        raise UserError(f"{given}: {bad} in {path.name} holds NaN or infinite values; name an earlier checkpoint, such "
                        "as healthy.ckpt")  # fmt: skip
    kinds = [sorted(kind["param_groups"][0]) for kind in optimizers]
    made = [sorted(optimizer.state_dict()["param_groups"][0]) for optimizer in system.configure_optimizers()]
    if kinds != made:
        raise UserError(f"{given}: the checkpoint is of another optimizer; resume with the one it was started with")


def _not_finite(state: dict[str, Any]) -> str | None:
    """The first of these tensors that holds NaN or infinite values."""
    return next((name for name, value in state.items() if not value.isfinite().all()), None)
