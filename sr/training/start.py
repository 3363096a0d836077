"""How a run starts: from nothing, from weights that are there, or where it stopped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from sr.errors import UserError, reason
from sr.weights import states

from .system import PixelSystem

Read = Callable[[str], dict[str, Tensor]]


def start(
    system: PixelSystem, folder: Path, init_from: str | None, resume: str | None, init_discriminator_from: str | None
) -> Path | None:
    """The checkpoint to continue, already found to fit `system`; None for a new run, given its first weights here.

    Args:
        folder: of the run.
        init_from: weights for the generator and its average.
        resume: None, auto, the folder of a run, or one of its checkpoints.
        init_discriminator_from: weights for the discriminator.

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
        networks = [system.generator, system.generator_ema]
        _start_from(networks, states.of_generator, init_from, f"init_from={init_from}", "generator")
    if init_discriminator_from is not None:
        given = f"init_discriminator_from={init_discriminator_from}"
        if "discriminator" not in system.trained_networks:
            raise UserError(f"{given}: this run trains none; system=adversarial does")
        networks = [system.get_submodule("discriminator")]
        _start_from(networks, states.of_discriminator, init_discriminator_from, given, "discriminator")
    return None


def _start_from(networks: list[nn.Module], read: Read, path: str, given: str, group: str) -> None:
    """Give these networks, which are alike, the weights that `path` names."""
    try:
        state = read(path)
    except UserError as error:
        raise UserError(f"{given}: {reason(error)}") from error
    ours = networks[0].state_dict()
    if differing := _differences(ours, state):
        name, here, there = differing[0]
        raise UserError(
            f"{given}: {len(differing)} of {len(ours.keys() | state.keys())} tensors are not those of this "
            f"{type(networks[0]).__name__}; the first is {name}, {there} there and {here} here; it must hold weights "
            f"of this very {group} (compare {group}=... and its arguments)"
        )
    for network in networks:
        network.load_state_dict(state)


def _differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Names and both shapes of tensors that are not in both, or differ in shape; ours in their order first."""

    def shape(side: dict[str, Any], name: str) -> Any:
        return tuple(side[name].shape) if name in side else "nothing"

    both = [(name, shape(ours, name), shape(theirs, name)) for name in (ours | theirs)]
    return [(name, here, there) for name, here, there in both if here != there]


def _must_fit(system: PixelSystem, path: Path, given: str) -> None:
    """Refuse a checkpoint that Lightning could load only in part."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        state, optimizers = checkpoint["state_dict"], checkpoint["optimizer_states"]
    except Exception as error:  # whatever a damaged or a stranger's file makes of it
        raise UserError(f"{given}: {path} is not a checkpoint that can be read ({reason(error)}); name another one of "
                        "the run, such as checkpoints/healthy.ckpt or best.ckpt") from error  # fmt: skip
    for name, here, there in _differences(system.state_dict(), state):
        raise UserError(f"{given}: the checkpoint has {there} for {name}, this configuration {here}; resume with the "
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
