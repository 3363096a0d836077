"""Bare weights for a network that is there already: of our files, runs and checkpoints, and of other projects."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import torchscript
from .reading import UnusableWeights, is_script, opened, sound, unpickled
from .store import AVERAGE, find, network_in

WITHIN = ("params_ema", "params", "state_dict")  # where BasicSR and others keep them; the average first
MORE = ("params-ema", "model_state_dict", "model", "net", "generator", "net_g", "netG")  # and some more
WRAPPERS = ("module.", "_orig_mod.")  # of DistributedDataParallel, of torch.compile
# What a module of Lightning's calls its generator; the average first.
ATTRIBUTES = ("generator_ema", "net_g_ema", "ema_model", "generator", "net_g", "netG", "gen", "G", "model", "net",
              "network")  # fmt: skip


def of_generator(path: str) -> dict[str, Tensor]:
    """The weights of a generator.

    Args:
        path: a bundled model, the folder of a run, a checkpoint of one (its average), a `.safetensors`, or a `.pth`,
            `.pt` or `.ckpt` of another project: a state dict, bare or under one of `WITHIN`; of a checkpoint of
            Lightning's the part that is called as `ATTRIBUTES` say.

    Raises:
        UnusableWeights: no such file, or none of these.
    """
    return _sound(find(path), AVERAGE)


def of_discriminator(path: str) -> dict[str, Tensor]:
    """The weights of a discriminator: as `of_generator`, where a run's folder stands for its last checkpoint."""
    file = Path(path).expanduser()
    if file.is_dir():
        file = file / "checkpoints" / "last.ckpt"
    if not file.is_file():
        raise UnusableWeights(f"{file}: no such file; name a checkpoint, the folder of a run that still has its "
                              "checkpoints, or a .pth or .safetensors of another project")  # fmt: skip
    return _sound(file, "discriminator.")


def possible(path: Path) -> Iterator[dict[str, Tensor]]:
    """What may be the weights of a generator in a file of another project: all of it first, then its parts.

    Raises:
        UnusableWeights: the file holds no tensors.
    """
    if path.suffix.lower() == ".safetensors":
        state = opened(path)[1]
    elif is_script(path):
        state = torchscript.opened(path, torch.device("cpu"))[0].state_dict()
    else:
        state = _within(unpickled(path))
    state = _unwrapped({key: value for key, value in state.items() if isinstance(value, Tensor)})
    if not state:
        raise UnusableWeights(f"{path}: no state dict, neither bare nor under {', '.join(WITHIN)}")
    yield state
    yield from (part for name in ATTRIBUTES if (part := _unwrapped(network_in(state, f"{name}."))))


def _sound(file: Path, prefix: str) -> dict[str, Tensor]:
    state = _of_file(file, prefix)
    try:
        sound(state)
    except UnusableWeights as error:
        raise UnusableWeights(f"{file}: {error}") from error
    return state


def _of_file(file: Path, prefix: str) -> dict[str, Tensor]:
    if file.suffix.lower() == ".safetensors":
        return opened(file)[1]
    found: Any = unpickled(file)
    if "about" in found:  # a checkpoint of a run of ours
        state = network_in(found.get("state_dict", {}), prefix)
        if not state:
            raise UnusableWeights(f"{file}: this run had no {prefix.split('_')[0].rstrip('.')}")
        return state
    foreign = prefix == AVERAGE and "pytorch-lightning_version" in found
    found = _within(found)
    state = {key: value for key, value in found.items() if isinstance(value, Tensor)}
    if not state or len(state) < len(found):
        raise UnusableWeights(f"{file}: no state dict, neither bare nor under {', '.join(WITHIN)}")
    parts = (network_in(state, f"{name}.") for name in ATTRIBUTES if foreign)
    return _unwrapped(next(filter(None, parts), state))


def _within(found: dict[str, Any]) -> dict[str, Any]:
    return next((found[key] for key in WITHIN + MORE if isinstance(found.get(key), dict)), found)


def _unwrapped(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for wrapper in WRAPPERS:
        if all(key.startswith(wrapper) for key in state):
            state = {key.removeprefix(wrapper): value for key, value in state.items()}
    return state
