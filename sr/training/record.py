"""What a run leaves behind: its configuration at the start, and at the end weights, picture, table and card."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf

from sr.atomic import write_text
from sr.data.crops import collate
from sr.data.module import BICUBIC, CropData
from sr.degradations import Bicubic
from sr.errors import UserError
from sr.inference import models
from sr.judge import card
from sr.judge.cells import save
from sr.judge.environment import diff
from sr.judge.panel import crops, panel
from sr.judge.results import intervals
from sr.judge.score import complaints, row, score
from sr.judge.table import columns_of, protocol, table
from sr.sweep import changes
from sr.weights import store as weights

from .callbacks import WandbRun
from .system import PixelSystem


def remember(config: DictConfig, folder: Path, resuming: bool) -> None:
    """Write config.yaml, and code.diff where the code is not that of its commit.

    Where a resumed run is configured otherwise than before, or its sets hold other images, say in what.
    """
    file = folder / "config.yaml"
    if resuming and file.exists():
        changed = changes(file, config)
        print(f"continuing {folder}" + "".join(f"\n  {k}: {old} -> {new}" for k, (old, new) in changed.items()))
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(OmegaConf.create(OmegaConf.to_container(config, resolve=True)), file)
    if changes_of_code := diff():
        write_text(folder / "code.diff", changes_of_code + "\n")


def say_changed(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Say which sets do not hold what a config.yaml says that they held."""
    for name, held in before.items():
        if now.get(name) != held:
            print(f"the {name} set is not that of this configuration: {held} -> {now.get(name)}", flush=True)


def finish(
    config: DictConfig,
    folder: Path,
    command: str,
    trainer: pl.Trainer,
    system: PixelSystem,
    data: CropData,
    best: dict[str, Any],
    seconds: float,
) -> None:
    """The run's last act: score every kept generator beside bicubic, write weights, picture, table and card."""
    files = {name: folder / "checkpoints" / f"{name}.ckpt" for name in ("pixel", "best", "last")}
    kept = {name: weights.averaged_of(file) for name, file in files.items() if file.exists()}
    system.eval().to(trainer.strategy.root_device)  # from where Lightning takes it at the end of a fit
    rows = score_all(config, trainer, system, data, kept)
    metrics: dict[str, Any] = dict(system.validation.metrics.items())
    how = protocol(config.scale, config.channels, metrics, system.degradation, files=not data.val_lr)
    if BICUBIC in data.val_lr:
        how["lr"] += f"; of sets named -{BICUBIC}, HR {Bicubic.protocol}"
    columns = columns_of(metrics, system.trains_on)
    if not trainer.is_global_zero:
        return

    generator = system.generator_ema
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    pairs = [system.pair(collate([data.validation[i]])) for i in range(min(4, len(data.validation)))]
    srs: list[list[Any]] = [[] for _ in pairs]
    # Where the adversarial phase saw no validation, best is still of the pixel phase, which is not what was asked for.
    main_one = "best" if "best" in kept and best.get("phase") == system.phase else "last"
    for name, state in kept.items():
        generator.load_state_dict(state)
        file = folder / "weights" / f"{config.name}{'' if name == main_one else f'-{name}'}.safetensors"
        try:
            weights.save(file, generator, card.about_weights(plain, [row for row in rows if row["model"] == name]))
        except UserError as error:  # NaN in one of them must not cost the others
            print(error, flush=True)
        for made, (lr, _) in zip(srs, pairs, strict=True):
            made.append(generator(lr)[0].cpu())
    cells = [crops(lr[0].cpu(), made, hr[0].cpu(), 160) for made, (lr, hr) in zip(srs, pairs, strict=True)]
    save(panel(cells, list(kept)), folder / "samples" / "final.png")
    card.write(folder, command, plain, how, columns, rows, seconds, trainer.global_step, main_one)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, WandbRun):
            callback.finish(trainer, columns, rows, main_one)
    print(f"\n{table(columns, rows)}\n\n{folder}/README.md is the card of this run", flush=True)


def score_all(
    config: DictConfig, trainer: pl.Trainer, system: PixelSystem, data: CropData, kept: dict[str, Any]
) -> list[dict[str, Any]]:
    """A row for bicubic and for each kept generator, on the validation images and each test set at hand."""
    say = print if trainer.is_global_zero else lambda *_: None
    sets = {images.name: images for images in data.validations}
    for which in config.test:
        try:
            for images in data.images(which):
                images[0]  # a set of another number of channels must not cost a finished run its card
                sets[images.name] = images
        except UserError as error:
            say(f"not scored: {error}")
    metrics: dict[str, Any] = dict(system.validation.metrics.items())
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
            found = row(name, images, records, list(metrics), enlarge.parameters)
            rows.append(found | {"ci95": intervals(records, metrics)})
            if name == "bicubic":  # an image that cannot be read is the same for all
                for line in complaints(images, records):
                    say(f"not scored: {line}")
    return rows
