"""Bare weights for a network that is there already: of our files, runs and checkpoints, and of other projects."""

from pathlib import Path
from typing import Any

from torch import Tensor

from .store import AVERAGE, UnusableWeights, find, network_in, opened, unpickled

WITHIN = ("params_ema", "params", "state_dict")  # where BasicSR and others keep them; the average first


def of_generator(path: str) -> dict[str, Tensor]:
    """The weights of a generator.

    Args:
        path: a bundled model, the folder of a run, a checkpoint of one (its average), a `.safetensors`, or a `.pth`,
            `.pt` or `.ckpt` of another project: a state dict, bare or under one of `WITHIN`.

    Raises:
        UnusableWeights: no such file, or none of these.
    """
    return _of_file(find(path), AVERAGE)


def of_discriminator(path: str) -> dict[str, Tensor]:
    """The weights of a discriminator: as `of_generator`, where a run's folder stands for its last checkpoint."""
    file = Path(path).expanduser()
    if file.is_dir():
        file = file / "checkpoints" / "last.ckpt"
    if not file.is_file():
        raise UnusableWeights(f"{file}: no such file; name a checkpoint, the folder of a run that still has its "
                              "checkpoints, or a .pth or .safetensors of another project")  # fmt: skip
    return _of_file(file, "discriminator.")


def _of_file(file: Path, prefix: str) -> dict[str, Tensor]:
    if file.suffix.lower() == ".safetensors":
        return opened(file)[1]
    found: Any = unpickled(file)
    if "about" in found:  # a checkpoint of a run of ours
        state = network_in(found, prefix)
        if not state:
            raise UnusableWeights(f"{file}: this run had no {prefix.split('_')[0].rstrip('.')}")
        return state
    found = next((found[key] for key in WITHIN if isinstance(found.get(key), dict)), found)
    state = {key: value for key, value in found.items() if isinstance(value, Tensor)}
    if not state or len(state) < len(found):
        raise UnusableWeights(f"{file}: no state dict, neither bare nor under {', '.join(WITHIN)}")
    parallel = all(key.startswith("module.") for key in state)
    return {key.removeprefix("module.") if parallel else key: value for key, value in state.items()}
