"""What Hydra needs to know of this project: the schema, the resolvers, what a config may instantiate."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime
from keyword import iskeyword
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.utils import get_object
from omegaconf import MISSING, DictConfig, OmegaConf

from sr import job, limits
from sr.errors import UserError
from sr.image.range import Range
from sr.sweep import sweep_folder, sweep_name, title

_HERE = Path(__file__).resolve().parent
# A checkout's conf/, or the copy that a wheel brings; an absolute path, for Hydra finds no other in every case.
CONF = os.environ.get("SR_CONF") or str(next(p for p in (_HERE.parent / "conf", _HERE / "_conf") if p.is_dir()))
ENDLESS = 10**8  # steps
# Of ours, what a run is made of: sr.atomic.write_text would write any file. Of Lightning the parts of a training:
# pytorch_lightning.cli.instantiate_class would call whatever it is told.
ALLOWED_TARGETS = (
    "sr.backbones.", "sr.data.", "sr.degradations.", "sr.discriminators.", "sr.generators.", "sr.losses.",
    "sr.metrics.", "sr.training.", "torch.optim.", "torchmetrics.", "pytorch_lightning.Trainer",
    "pytorch_lightning.accelerators.", "pytorch_lightning.callbacks.", "pytorch_lightning.loggers.",
    "pytorch_lightning.plugins.", "pytorch_lightning.profilers.", "pytorch_lightning.strategies.",
)  # fmt: skip
# Where these are defined, if elsewhere
ALSO_DEFINED_IN = ("pytorch_lightning.trainer.", "lightning_fabric.plugins.")


def _positive(**values: Any) -> None:
    for name, value in values.items():
        if isinstance(value, int) and value < 1:  # not what is still missing, or null
            raise UserError(f"{name}={value}; give a positive integer")


def _module_names(allow: list[str]) -> None:
    for name in allow:
        if not all(part.isidentifier() and not iskeyword(part) for part in name.split(".")):
            raise UserError(f"allow=[{name}]; give names of Python packages")


@dataclass
class Steps:
    """How long each phase lasts, in updates of the generator, or by the clock."""

    pixel: int = MISSING
    ramp: int = MISSING  # the first of the adversarial steps
    adversarial: int = MISSING
    minutes: float | None = None  # the clock ends the phases, which share this time as they share the steps
    clock: str = "wall"  # or "processor"

    def __post_init__(self) -> None:
        if self.clock not in ("wall", "processor"):
            raise UserError(f"steps.clock={self.clock}; give wall or processor")
        for name, value in vars(self).items():
            if isinstance(value, int) and value < 0:
                raise UserError(f"steps.{name}={value}; it counts updates, give 0 or more")


@dataclass
class TrainConfig:
    """Top level of conf/train.yaml: another key, from any file or `+key=`, is an error."""

    name: str = MISSING
    seed: int = MISSING
    scale: int = MISSING
    channels: int = MISSING
    bands: list[int] | None = None
    steps: Steps = field(default_factory=Steps)
    init_from: str | None = None
    init_discriminator_from: str | None = None
    resume: str | None = None
    outputs: str = MISSING
    tags: list[str] = field(default_factory=list)
    test: list[Any] = MISSING
    sets: dict[str, str] | None = None
    generator: dict[str, Any] = MISSING
    discriminator: dict[str, Any] | None = None
    losses: dict[str, Any] = MISSING
    degradation: dict[str, Any] = MISSING
    optimizer: dict[str, Any] = MISSING
    schedule: dict[str, Any] = MISSING
    system: dict[str, Any] = MISSING
    metrics: dict[str, Any] = MISSING
    data: dict[str, Any] = MISSING
    callbacks: dict[str, Any] = MISSING
    logger: dict[str, Any] = field(default_factory=dict)
    trainer: dict[str, Any] = MISSING
    allow: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _positive(scale=self.scale, channels=self.channels)
        _module_names(self.allow)


@dataclass
class Panel:
    """The figure of an evaluation."""

    images: list[str] = MISSING  # names; [] takes the first image of each set
    box: list[int] | None = None  # left, top, width, height in HR pixels; null: where bicubic fails most
    size_px: int = MISSING  # of the box, where it is searched for

    def __post_init__(self) -> None:
        _positive(**{"panel.size_px": self.size_px})


@dataclass
class EvaluateConfig:
    """Top level of conf/evaluate.yaml."""

    model: Any = MISSING
    sets: Any = MISSING
    root: str | None = None
    scale: int = MISSING
    channels: int | None = MISSING
    bands: list[int] | None = None
    range: list[float] | None = None
    degradation: dict[str, Any] | None = None
    metrics: dict[str, Any] = MISSING
    device: str = MISSING
    tile: Any = MISSING
    halo: Any = MISSING
    out: str | None = None
    panel: Panel = field(default_factory=Panel)
    allow: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _positive(scale=self.scale, channels=self.channels)
        _module_names(self.allow)


def validate(config: DictConfig, schema: type = TrainConfig) -> None:
    """Check a composed config as a whole, before anything is built.

    Raises:
        UserError: an unknown key, a value out of range, a `_target_` that neither we nor `allow` name, or a generator
            whose weights could not be loaded later.
    """
    parts: list[tuple[str, Any, type]] = [("", config, schema)]
    parts += [(f"{f.name}.", config[f.name], f.type) for f in fields(schema) if f.type in (Steps, Panel)]
    for prefix, node, part in parts:
        known = {f.name for f in fields(part)}
        # Hydra's `+key=value` adds what the schema does not know.
        for key in set(node) - known:
            raise UserError(f"unknown key {prefix}{key}; known are {sorted(known)}")
    try:
        OmegaConf.to_object(config)
    except ValueError as error:
        raise UserError(str(error)) from error
    if generator := OmegaConf.select(config, "generator._target_"):
        from sr.weights.store import check_generator  # which needs torch; the schema does not

        check_generator(generator)
    values = config.range if schema is EvaluateConfig else config.data.get("range")
    if values is not None:
        Range.given(*values)
    plain: Any = OmegaConf.to_container(config, resolve=True)
    limits.check(plain)
    for target in targets(plain):
        if not target.startswith(_allowed(config)):
            raise _refused(target)


def validate_definitions(config: DictConfig) -> None:
    """Check, by importing it, that what a validated config would call is also defined where it may come from.

    Raises:
        UserError: a `_target_` that is defined elsewhere.
    """
    for target in targets(OmegaConf.to_container(config, resolve=True)):
        try:
            defined = module_of(target)
        except Exception:  # what cannot be found is told by Hydra, with the place that names it
            continue
        if not defined.startswith((*_allowed(config), *ALSO_DEFINED_IN)):
            raise _refused(target)


def module_of(target: str) -> str:
    """The module, with a dot behind it, that defines what a `_target_` names.

    A module's own imports can be reached through its name, too: `sr.job.os.system` is not ours.
    """
    return f"{get_object(target).__module__}."


def _allowed(config: DictConfig) -> tuple[str, ...]:
    return (*ALLOWED_TARGETS, *(f"{name}." for name in config.allow))


def _refused(target: str) -> UserError:
    ours = ", ".join(f"{name}*" for name in ALLOWED_TARGETS)
    return UserError(f"_target_: {target} is refused; configs may call {ours} and the packages named in allow=[...]")


def targets(node: Any) -> Iterator[str]:
    """Everything that a plain configuration, whose interpolations are resolved, would call."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield str(node["_target_"])
        for value in node.values():
            yield from targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from targets(value)


def run_folder(outputs: str, name: str, resume: str | None) -> str:
    """Where a run writes: a new `outputs/name/<time>`, or the folder of the run that `resume` names.

    Args:
        resume: None for a new run; `auto` for the one of this name that was trained last, or a new one where there is
            none; `job` for that of this very job, new or requeued (see `sr.job`); otherwise the folder of a run, or one
            of the checkpoints in it.

    Raises:
        UserError: no such checkpoint.
    """
    limits.check_place(outputs, name)
    own = job.folder_name(resume)
    fresh = str(Path(outputs) / name / (own or datetime.now().strftime("%Y-%m-%d_%H-%M-%S-%f")))
    if resume is None and own and (Path(fresh) / "checkpoints" / "last.ckpt").exists():
        raise UserError(f"this job has begun {fresh} already; resume=job goes on with it")
    if resume in (None, "job"):
        return fresh
    if resume == "auto":
        kept = (Path(outputs) / name).glob("*/checkpoints/last.ckpt")
        newest = max(kept, key=lambda last: (last.stat().st_mtime_ns, last), default=None)
        return str(newest.parents[1]) if newest else fresh
    if resume.endswith(".ckpt"):
        if not Path(resume).is_file():
            raise UserError(f"resume={resume}: no such file; name a checkpoint, the folder of a run, or auto")
        within = Path(resume).resolve().parent
        return str(within.parent) if within.name == "checkpoints" else fresh
    if not (Path(resume) / "checkpoints" / "last.ckpt").exists():
        raise UserError(f"resume={resume}: no checkpoints/last.ckpt in there; name the folder of a run, or auto")
    return resume


def _run_folder_or_end(outputs: str, name: str, resume: str | None) -> str:
    # Hydra asks before `main` is entered: only an exit gets past its own report, with a traceback, of what went wrong.
    try:
        return run_folder(outputs, name, resume)
    except UserError as error:
        sys.exit(f"error: {error}")


def _sweep_folder_or_end(outputs: str, name: str, resume: str | None) -> str:
    try:
        limits.check_place(outputs, name)
        return sweep_folder(outputs, name, resume)
    except UserError as error:
        sys.exit(f"error: {error}")


def max_steps(pixel: int, adversarial: int, minutes: float | None) -> int:
    """Those of all phases; more than there can be where the clock ends the run."""
    return pixel + adversarial if minutes is None else ENDLESS


def accelerator() -> str:
    """CUDA where there is one, otherwise the CPU: scores are computed in float64, which Apple's MPS lacks."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def precision(accelerator: str) -> str:
    """bf16 where the device itself computes in it, otherwise full precision."""
    import torch

    cuda = accelerator in ("cuda", "gpu", "auto") and torch.cuda.is_available()
    return "bf16-mixed" if cuda and torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"


def register() -> None:
    """Tell Hydra and OmegaConf; more than once does no harm."""
    ConfigStore.instance().store(name="train_schema", node=TrainConfig)
    ConfigStore.instance().store(name="evaluate_schema", node=EvaluateConfig)
    # A run's folder is asked for often and made of the time: it must be the same each time, hence the cache.
    OmegaConf.register_new_resolver("run_folder", _run_folder_or_end, use_cache=True, replace=True)
    OmegaConf.register_new_resolver("sweep_folder", _sweep_folder_or_end, replace=True)
    OmegaConf.register_new_resolver("sweep_name", sweep_name, replace=True)
    OmegaConf.register_new_resolver("title", title, replace=True)
    OmegaConf.register_new_resolver("accelerator", accelerator, replace=True)
    OmegaConf.register_new_resolver("precision", precision, replace=True)
    OmegaConf.register_new_resolver("max_steps", max_steps, replace=True)
    OmegaConf.register_new_resolver("min", lambda *values: min(values), replace=True)
    OmegaConf.register_new_resolver("unless", lambda given, steps: 0 if given else steps, replace=True)
