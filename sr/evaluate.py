"""Judge: `python -m sr.evaluate model=MODEL` prints the papers' tables, for any model."""

import os
import shlex
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import hydra
import torch
import torch.distributed as dist
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor

from sr.config import CONF, EvaluateConfig, register, validate
from sr.data.images import Images, open_set
from sr.errors import UserError, mistake
from sr.image.range import Range
from sr.inference import models
from sr.inference.models import Enlarger
from sr.judge import figures, report
from sr.judge.figures import Box
from sr.judge.score import complaints, pair_of, row, score
from sr.judge.table import columns_of, protocol, table

register()
SHOWN = 3  # at most so many images in the figure, where none is named


@hydra.main(version_base="1.3", config_path=CONF, config_name="evaluate")
def main(config: DictConfig) -> None:
    """Evaluate as configured; the exit status is 1 where an image is missing from the table."""
    try:
        validate(config, EvaluateConfig)
        device = models.choose_device(config.device, int(os.environ.get("LOCAL_RANK", 0)))
        if device.type == "cuda":
            torch.cuda.set_device(device)  # through which NCCL gathers
        if int(os.environ.get("WORLD_SIZE", 1)) > 1:
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        status = evaluate(config, device)
    except (UserError, OmegaConfBaseException, InstantiationException) as error:
        sys.exit(f"error: {mistake(error)}")
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
    sys.exit(status)


def evaluate(config: DictConfig, device: torch.device) -> int:
    """Score, write, print; returns the exit status: 0, 1 (an image is missing somewhere), 130 (interrupted).

    Where there are several processes, each takes its share of the images, and the first one writes.
    """
    folder = Path(config.out or Path("outputs", "evaluate", datetime.now().strftime("%Y-%m-%d_%H-%M-%S-%f")))
    _check_out(folder)
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    enlargers = load_models(config, device)
    values = trained_range(config, enlargers)
    sets = [open_set(which, config.root, config.scale, config.channels, values) for which in _list(config.sets)]
    if len({images.name for images in sets}) < len(sets):
        raise UserError(f"two sets have one name: {[images.name for images in sets]}; give each folder its own")
    metrics, notes = load_metrics(config)
    degradation = instantiate(config.degradation)
    degradation = degradation.to(device) if isinstance(degradation, torch.nn.Module) else degradation
    results = report.Results(
        command=shlex.join(["python", "-m", "sr.evaluate", *sys.argv[1:]]),
        how=protocol(config.scale, config.channels, metrics, degradation),
        columns=columns_of(metrics),
        models=[enlarger.name for enlarger in enlargers],
        notes=notes,
    )
    status = 0
    try:
        for number, images in enumerate(sets):
            boxes = boxes_of(images, config.panel, number < SHOWN, degradation, device)
            for enlarger in enlargers:
                title = f"{enlarger.name} on {images.name}"
                records = score(enlarger, images, metrics, device, rank, world, boxes, title, degradation)
                results.add(row(enlarger.name, images, records, list(metrics), enlarger.parameters), records)
                lines = complaints(images, records)
                results.complaints += [line for line in lines if line not in results.complaints]
            results.examples += [
                example(results, images, name, box, degradation, device) for name, box in boxes.items()
            ]
    except KeyboardInterrupt:
        results.notes.append("interrupted: models or sets are missing")
        status = 130
    if rank == 0 and results.rows:
        print(f"\n{table(results.columns, results.rows)}\n")
        pairs = report.write(results, folder)
        print(*map(report.sentence, pairs), *results.notes, sep="\n")
        print(f"\n{folder}/README.md has the intervals, the protocol and the figures", flush=True)
        if results.complaints:
            print(f"\n{len(results.complaints)} missing:", *results.complaints, sep="\n  ", file=sys.stderr)
    return status or (1 if results.complaints else 0)


def _check_out(folder: Path) -> None:
    """Before any work is done for it."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"out={folder}: a file is there; name a folder")
    if (folder / "README.md").exists() and not (folder / "metrics.json").exists():
        raise UserError(f"out={folder}: its README.md is not ours and would be overwritten; name another folder")


def load_models(config: DictConfig, device: torch.device) -> list[Enlarger]:
    """The models of the configuration; where two have one name, they are called as they were given.

    Raises:
        UserError: one that cannot be used, or the same one twice.
    """
    given = [str(model) for model in _list(config.model)]
    enlargers = [models.load(model, config.scale, device, config.tile) for model in given]
    names = [enlarger.name for enlarger in enlargers]
    for name, enlarger in zip(given, enlargers, strict=True):
        if names.count(enlarger.name) > 1:
            enlarger.name = name
        if enlarger.channels not in (None, config.channels):
            raise UserError(f"{name}: a network for {enlarger.channels} channels, channels={config.channels} is asked "
                            f"for; give channels={enlarger.channels}")  # fmt: skip
    if len({enlarger.name for enlarger in enlargers}) < len(given):
        raise UserError(f"the same model twice: {given}")
    return enlargers


def load_metrics(config: DictConfig) -> tuple[dict[str, Any], list[str]]:
    """Those whose weights are at hand; and of each of the others, why not.

    Raises:
        UserError: none is left.
    """
    found, notes = {}, []
    for name, node in config.metrics.items():
        try:
            found[str(name)] = instantiate(node)
        except InstantiationException as error:
            if not isinstance(error.__cause__, UserError):
                raise
            notes.append(f"no column {name}: {error.__cause__}")
    if not found:
        raise UserError("no metric is left: " + "; ".join(notes))
    return found, notes


def trained_range(config: DictConfig, enlargers: list[Enlarger]) -> Range | None:
    """What all models of the table see as 0 and 1: what is asked for, or what they were trained for.

    Raises:
        UserError: they were trained for different ranges, in which scores cannot be compared.
    """
    if config.range is not None:
        return Range.given(*config.range)
    found = {enlarger.range for enlarger in enlargers if enlarger.range is not None}
    if len(found) > 1:
        told = ", ".join(sorted(map(str, found)))
        raise UserError(f"the models were trained for {told}; say with range=[low,high] in which one to compare them")
    return found.pop() if found else None


def boxes_of(
    images: Images, panel: DictConfig, one_is_enough: bool, degradation: Any, device: torch.device
) -> dict[str, Box]:
    """Image -> what to show of it: of those that `panel` names, or of the first one where it names none."""
    wanted = list(panel.images) or images.names[: int(one_is_enough)]
    boxes: dict[str, Box] = {}
    for name in wanted:
        try:
            if name not in images.names:
                continue
            lr, hr = (image[0].cpu() for image in pair_of(images, images.names.index(name), degradation, device))
        except (UserError, OSError):
            continue  # the table will name it
        box = panel.box or figures.hardest_box(lr, hr, panel.size_px, panel.size_px)
        if (
            len(box) != 4
            or min(box) < 0
            or 0 in box[2:]
            or box[0] + box[2] > hr.shape[-1]
            or box[1] + box[3] > hr.shape[-2]
        ):
            raise UserError(f"panel.box={list(box)}: left, top, width and height must lie in the "
                            f"{hr.shape[-1]}x{hr.shape[-2]} pixels of {images.name}/{name}")  # fmt: skip
        boxes[name] = (box[0], box[1], box[2], box[3])
    return boxes


def example(
    results: report.Results, images: Images, name: str, box: Box, degradation: Any, device: torch.device
) -> figures.Example:
    """One image for the figure, with the crops that the records brought along."""
    hr = pair_of(images, images.names.index(name), degradation, device)[1][0].cpu()
    left, top, width, height = box
    axes = ([key for key, column in results.columns.items() if column.axis == axis] for axis in figures.AXES)
    shown = [keys[0] for keys in axes if keys]  # the first metric of each
    titles = " / ".join(results.columns[key].title.split(" (")[0] for key in shown)
    crops: list[tuple[str, Tensor, str]] = [("HR", hr[:, top : top + height, left : left + width], titles)]
    for model in results.models:
        one: Mapping[str, Any] = next(r for r in results.records[images.name, model] if r["image"] == name)
        if "crop" in one:
            values = " / ".join(results.columns[key].show(one["scores"][key]) for key in shown)
            crops.append((model, one["crop"] / 255, values))
    return figures.Example(f"{images.name} {name}, x{images.scale}", hr, box, crops)


def _list(node: Any) -> list[Any]:
    return list(node) if OmegaConf.is_list(node) else [node]


if __name__ == "__main__":
    main()
