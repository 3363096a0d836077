"""One self-describing `.safetensors` a generator: its weights, and in the header what it is and where it comes from."""

import json
from collections.abc import Collection, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import torch
import torch.nn as nn
from safetensors.torch import save as serialized

from sr import generators
from sr.atomic import replacing
from sr.errors import UserError, reason
from sr.image.range import Range

from .building import arguments_of, within
from .reading import MissingWeights, UnusableWeights, header_of, opened, sound, unpickled

# All that a weights file may name: a stranger's file builds one of these, and nothing else.
GENERATORS: dict[str, type[nn.Module]] = {name: getattr(generators, name) for name in generators.__all__}


AVERAGE = "generator_ema."  # prefix, in a checkpoint of a run, of the generator that is kept


def check_generator(generator: str | type | nn.Module) -> type[nn.Module]:
    """The class of a generator that a weights file may name; to be asked before it is trained.

    Args:
        generator: the network, its class, or where that is found, as a `_target_` says it: sr.generators.Compact.

    Raises:
        UserError: it is none of `sr.generators`: its weights could be saved, but never loaded again.
    """
    if not isinstance(generator, str):
        cls = generator if isinstance(generator, type) else type(generator)
        generator = f"{cls.__module__}.{cls.__qualname__}"
    module, _, name = generator.rpartition(".")
    known = GENERATORS.get(name)
    if known is None or module not in (generators.__name__, known.__module__):
        raise UserError(f"{generator} is refused; a generator of one's own cannot be saved as weights yet, choose one "
                        f"of {generators.__name__} ({', '.join(sorted(GENERATORS))})")  # fmt: skip
    return known


def save(path: str | Path, generator: nn.Module, about: dict[str, Any]) -> None:
    """Write `generator`'s weights and what is known `about` it, whole or not at all.

    Args:
        about: at least `generator` (its class name) and `arguments` (of that class); by convention also scale,
            channels, range ({low, high}, or null for each file's own), data, licence, commit, scores. Values are
            stored as JSON.

    Raises:
        UserError: what `load` would refuse: another class than `about` names, arguments, a scale or channels of another
            network, weights that are NaN or infinite.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in generator.state_dict().items()}
    header = {key: json.dumps(value) for key, value in about.items()}
    named = check_generator(generator).__name__
    try:
        if about.get("generator") != named:
            raise UnusableWeights(f"its header names the generator {about.get('generator')!r}, it is a {named}")
        _checked({key: json.loads(value) for key, value in header.items()}, state)
    except UnusableWeights as error:
        raise UserError(f"{path}: is not saved, for it could not be loaded again: {error}") from error
    with replacing(path) as temporary:
        temporary.write_bytes(serialized(state, header))  # whose errors are those of the system


def load(path: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    """The generator of a weights file, in eval mode, and what its header says.

    Nothing is believed: the network is built without memory first, and its names and shapes, its scale and channels are
    compared with the tensors and the header.

    Args:
        path: a `.safetensors`, a checkpoint of a run (its averaged generator), or the folder of a run.

    Returns:
        The generator, and the header with `scale` and `channels`, where it does not say them those of the network.

    Raises:
        UnusableWeights: in one sentence that names the file.
    """
    path = find(path)
    about, state = _read_checkpoint(path) if path.suffix.lower() == ".ckpt" else opened(path)
    try:
        generator, sizes = _checked(about, state)
        if _device(generator).type == "meta":
            generator = type(generator)(**about["arguments"])
        generator.load_state_dict(state)
    except UnusableWeights as error:
        raise UnusableWeights(f"{path}: {error}") from error
    return generator.eval().requires_grad_(False), about | sizes


def _checked(about: dict[str, Any], state: dict[str, Any]) -> tuple[nn.Module, dict[str, int]]:
    """The generator that a header describes, which these tensors fit, without memory or random numbers where it can be
    built so; and its `scale` and `channels`.
    """
    name = about.get("generator")
    if not isinstance(name, str) or name not in GENERATORS:
        raise UnusableWeights(f"its header names the generator {name!r}; known are {sorted(GENERATORS)}")
    sound(state)
    arguments = arguments_of(about)
    try:
        with within(state), torch.device("meta"):
            generator = GENERATORS[name](**arguments)
        for key, value in generator.state_dict().items():
            if key in state and value.is_floating_point() != state[key].is_floating_point():
                raise ValueError(f"{key} is {state[key].dtype}, {value.dtype} is needed")
        generator.load_state_dict({key: value.to(_device(generator)) for key, value in state.items()})
        sizes = _sizes(generator, arguments)
    except Exception as error:  # whatever a constructor makes of a stranger's arguments
        raise UnusableWeights(f"the weights do not fit the {name} of its header ({reason(error)})") from error
    for key, size in sizes.items():
        if about.get(key, size) != size or isinstance(about.get(key), (bool, float)):
            raise UnusableWeights(f"its header says {key} {about[key]!r}, its {name} has {size}")
    return generator, sizes


def _sizes(generator: nn.Module, arguments: dict[str, Any]) -> dict[str, int]:
    """Scale and channels of a network, tried without memory; one that has some checked them when it was built."""
    given = signature(type(generator)).bind(**arguments)
    given.apply_defaults()
    scale, channels = given.arguments["scale"], given.arguments["channels"]
    if _device(generator).type == "meta":
        with torch.inference_mode():
            made = generator.eval()(torch.empty(1, channels, 16, 16, device="meta")).shape
        if made != (1, channels, 16 * scale, 16 * scale):
            raise ValueError(f"it makes {tuple(made)} of {(1, channels, 16, 16)}")
    return {"scale": scale, "channels": channels}


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


def trained_range(path: Path, about: dict[str, Any]) -> Range | None:
    """The values that a network was trained to see as 0 and 1, as the header of `path` tells; None where each file was
    seen in its own range.
    """
    found = about.get("range")  # in old files it is [0, 1] throughout, and says nothing
    if not isinstance(found, dict):
        return None
    try:
        return Range.given(found["low"], found["high"])
    except (KeyError, TypeError, UserError) as error:
        raise UnusableWeights(f"{path}: its header's range {found} is not {{low, high}} ({reason(error)})") from error


def is_ours(path: Path) -> bool:
    """Whether the header of a `.safetensors` names a generator, as ours do and the community's do not."""
    return "generator" in header_of(path)


def is_our_run(checkpoint: Path) -> bool:
    """Whether a `.ckpt` was written by a run of ours."""
    return "about" in unpickled(checkpoint)


def is_for_load(path: Path) -> bool:
    """Whether `load` can read a file: ours say what they hold, the community's do not."""
    suffix = path.suffix.lower()
    return (suffix == ".safetensors" and is_ours(path)) or (suffix == ".ckpt" and is_our_run(path))


def _read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    checkpoint = unpickled(path)
    if not isinstance(checkpoint.get("about"), dict):
        raise UnusableWeights(f"{path}: not a checkpoint of a run of this project")
    return checkpoint["about"], network_in(checkpoint.get("state_dict", {}), AVERAGE)


def averaged_of(checkpoint: str | Path) -> dict[str, Any]:
    """The averaged generator's weights in a checkpoint of a run.

    Raises:
        UnusableWeights: no such file, or not a checkpoint.
    """
    return network_in(unpickled(Path(checkpoint)).get("state_dict", {}), AVERAGE)


def network_in(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Weights of one network among those of a checkpoint: those whose names begin with `prefix`, without it."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def bundled() -> dict[str, Path]:
    """Name -> file of the models that come with the package."""
    return {file.stem: file for file in sorted(Path(__file__).parent.glob("*.safetensors"))}


def find(path: str | Path, others: Collection[str] = ()) -> Path:
    """The weights file that `path` names, at every door: for `model=`, `init_from=`, upscale, export and the page.

    Args:
        path: of a file; of a run's folder, where the file called after the run is taken; or the name of a bundled
            model, unless something of that name is there.
        others: names that mean something else where it is asked, to be told beside the bundled ones.

    Raises:
        MissingWeights: there is no such file or folder.
        UnusableWeights: a folder without weights.
    """
    named, path = str(path), Path(path).expanduser()
    if not path.exists() and named in bundled():
        return bundled()[named]
    if not path.exists():
        told = f", and no interpolation ({', '.join(others)})" if others else ","
        places = "a file of weights (.safetensors, .ckpt, .pth ...) or the folder of a run"
        raise MissingWeights(f"{named}: no such file or folder{told} nor a bundled model ({', '.join(bundled())}); "
                             f"give {places}")  # fmt: skip
    if not path.is_dir():
        return path
    # Hidden ones are what a killed run was writing.
    files = sorted((path / "weights").glob("[!.]*.safetensors"), key=lambda file: len(file.name))
    if files:
        return files[0]
    if runs := sorted(file.parents[1] for file in path.glob("*/weights/[!.]*.safetensors")):
        raise UnusableWeights(f"{path}: the folder of several runs; name one of them, such as {runs[-1]}")
    raise UnusableWeights(f"{path}: holds no weights/*.safetensors; did the run end? Continue it with resume=auto")
