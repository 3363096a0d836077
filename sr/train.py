"""Train: `python -m sr.train experiment=srgan`. This file builds a run; sr/training/system.py trains it."""

import logging
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sr.config import CONF, register, validate
from sr.errors import UserError, mistake, reason

if TYPE_CHECKING:
    import pytorch_lightning as pl

    from sr.data.module import CropData
    from sr.training.system import PixelSystem

register()


@hydra.main(version_base="1.3", config_path=CONF, config_name="train")
def main(config: DictConfig) -> float | None:
    """Train as configured; returns the best validation cost, for sweeps."""
    try:
        validate(config)
        return train(config, Path(HydraConfig.get().runtime.output_dir))
    except (UserError, OmegaConfBaseException, InstantiationException) as error:
        sys.exit(f"error: {mistake(error)}")


def train(config: DictConfig, folder: Path) -> float | None:
    """Build a run in `folder`, fit it, score it, write it down."""
    import pytorch_lightning as pl

    from sr.inference import memory
    from sr.judge import card
    from sr.training.ddp import same_config_for_all_processes  # and tells Lightning of our DDP

    only_what_matters()
    memory.keep_freed()
    pl.seed_everything(config.seed, workers=True, verbose=False)
    data = instantiate(config.data)
    system = instantiate(config.system)
    callbacks = instantiate(config.callbacks)
    loggers = [instantiate(logger) for logger in config.logger.values()]
    trainer = instantiate(config.trainer, callbacks=list(callbacks.values()), logger=loggers)

    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    system.about = card.about_weights(plain, [])

    checkpoint = folder / "checkpoints" / "last.ckpt"
    resuming = config.resume is not None and checkpoint.exists()
    if config.init_from is not None and not resuming:
        start_from(system, config.init_from)
    if trainer.is_global_zero:
        remember(config, folder, resuming)
    for logger in loggers:
        logger.log_hyperparams(plain)
    stop = callbacks["stop"]
    with same_config_for_all_processes(folder):
        trainer.fit(system, data, ckpt_path=checkpoint if resuming else None)
        if not stop.stopped:
            finish(config, folder, trainer, system, data, callbacks["checkpoints"].best, stop.seconds)
    if stop.stopped:
        if trainer.is_global_zero:
            print(f"\nstopped at step {trainer.global_step} of {trainer.max_steps}; the same command with "
                  f"resume={folder} continues", flush=True)  # fmt: skip
        sys.exit(128 + stop.received if stop.received else 0)
    return callbacks["checkpoints"].best.get("cost")


def only_what_matters() -> None:
    """Silence what Lightning says of every run, where it is no news here."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    for message in (
        ".*module.* in eval mode at the start of training",  # the average and the frozen networks: so intended
        ".*your dataloader is not resumable",  # ours is: samples are numbered
        ".*treespec, LeafSpec",  # between Lightning and the newest torch
        ".*does not have many workers",  # crops come from a memory map
        ".*Checkpoint directory .* exists and is not empty",
    ):
        warnings.filterwarnings("ignore", message)


def start_from(system: "PixelSystem", path: str) -> None:
    """Give the generator and its average the weights of a `.safetensors`, a checkpoint or a run.

    Raises:
        UserError: weights of another network.
    """
    from sr.weights import store as weights

    try:
        state = weights.averaged_of(path) if path.endswith(".ckpt") else weights.load(path)[0].state_dict()
        for network in (system.generator, system.generator_ema):
            network.load_state_dict(state)
    except (RuntimeError, ValueError, OSError) as error:
        raise UserError(f"init_from={path}: {reason(error)}; it must hold weights of this very "
                          "generator (compare generator=... and its arguments)") from error  # fmt: skip


def remember(config: DictConfig, folder: Path, resuming: bool) -> None:
    """Write config.yaml; where a resumed run is configured otherwise than before, say in what."""
    file = folder / "config.yaml"
    resolved = OmegaConf.create(OmegaConf.to_container(config, resolve=True))
    if resuming and file.exists():
        before, now = (dict(_leaves(c)) for c in (OmegaConf.load(file), resolved))
        changed = {
            k: (before.get(k), now.get(k)) for k in before | now if before.get(k) != now.get(k) and k != "resume"
        }
        print(f"continuing {folder}" + "".join(f"\n  {k}: {old} -> {new}" for k, (old, new) in changed.items()))
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(resolved, file)


def _leaves(node: Any, prefix: str = "") -> list[tuple[str, Any]]:
    if not OmegaConf.is_config(node):
        return [(prefix, node)]
    items = node.items() if OmegaConf.is_dict(node) else enumerate(node)
    return [leaf for key, value in items for leaf in _leaves(value, f"{prefix}.{key}" if prefix else str(key))]


def finish(
    config: DictConfig,
    folder: Path,
    trainer: "pl.Trainer",
    system: "PixelSystem",
    data: "CropData",
    best: dict[str, Any],
    seconds: float,
) -> None:
    """The run's last act: score every kept generator beside bicubic, write weights, picture, table and card."""
    from sr.data.crops import collate
    from sr.judge import card
    from sr.training.callbacks.panels import crops, panel
    from sr.weights import store as weights

    files = {name: folder / "checkpoints" / f"{name}.ckpt" for name in ("pixel", "best", "last")}
    kept = {name: weights.averaged_of(file) for name, file in files.items() if file.exists()}
    system.to(trainer.strategy.root_device)  # from where Lightning takes it at the end of a fit
    rows = score_all(config, trainer, system, data, kept)
    how = card.protocol(config.scale, config.channels, dict(system.metrics.items()), system.degradation)
    if not trainer.is_global_zero:
        return

    generator = system.generator_ema
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    pairs = [system.pair(collate([data.validation[i]])) for i in range(min(4, len(data.validation)))]
    srs: list[list[Any]] = [[] for _ in pairs]
    # A best from before the adversarial phase (which then saw no validation) is not what the run was for.
    main_one = "best" if "best" in kept and best.get("phase") == system.phase else "last"
    for name, state in kept.items():
        generator.load_state_dict(state)
        file = folder / "weights" / f"{config.name}{'' if name == main_one else f'-{name}'}.safetensors"
        weights.save(file, generator, card.about_weights(plain, [row for row in rows if row["model"] == name]))
        for made, (lr, _) in zip(srs, pairs, strict=True):
            made.append(generator(lr)[0].cpu())
    cells = [crops(lr[0].cpu(), made, hr[0].cpu(), 160) for made, (lr, hr) in zip(srs, pairs, strict=True)]
    (folder / "samples").mkdir(exist_ok=True)
    panel(cells, list(kept)).save(folder / "samples" / "final.png")
    command = " ".join(["python -m sr.train", *HydraConfig.get().overrides.task])
    card.write(folder, command, plain, how, rows, seconds, trainer.global_step)
    print(f"\n{card.table(rows)}\n\n{folder}/README.md is the card of this run", flush=True)


def score_all(
    config: DictConfig, trainer: "pl.Trainer", system: "PixelSystem", data: "CropData", kept: dict[str, Any]
) -> list[dict[str, Any]]:
    """A row for bicubic and for each kept generator, on the validation images and each test set at hand."""
    from sr.inference import models
    from sr.judge.score import complaints, row, score

    say = print if trainer.is_global_zero else lambda *_: None
    sets = {data.validation.name: data.validation}
    for name in config.test:
        try:
            images = data.images(name)
            images[0]  # a set of another number of channels must not cost a finished run its card
            sets[images.name] = images
        except UserError as error:
            say(f"not scored: {error}")
    metrics: dict[str, Any] = dict(system.metrics.items())
    rows: list[dict[str, Any]] = []
    for images in sets.values():
        for name in ("bicubic", *kept):
            if name in kept:
                system.generator_ema.load_state_dict(kept[name])
                enlarge = models.of_generator(name, system.generator_ema, config.scale, config.channels, system.device)
            else:
                enlarge = models.load("bicubic", config.scale, system.device)
            records = score(
                enlarge, images, metrics, system.device, trainer.global_rank, trainer.world_size,
                progress=f"{name} on {images.name}", degradation=system.degradation,
            )  # fmt: skip
            rows.append(row(name, images, records, list(metrics), enlarge.parameters))
            if name == "bicubic":  # an image that cannot be read is the same for all
                for line in complaints(images, records):
                    say(f"not scored: {line}")
    return rows


if __name__ == "__main__":
    main()
