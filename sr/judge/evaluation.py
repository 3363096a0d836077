"""What an evaluation is made of, and the loop: every model on every set, by every metric."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torchmetrics import Metric

from sr.config import Panel
from sr.data.images import Images
from sr.data.sets import locate
from sr.degradations import Bicubic
from sr.degradations.pairs import Degradation
from sr.errors import UserError
from sr.image.range import Range
from sr.inference import models
from sr.inference.enlarger import RGBA, Enlarger

from .examples import boxes_of, example
from .results import Results
from .score import complaints, row, score

SHOWN = 3  # at most so many images in the figure, where none is named


def load_models(config: DictConfig, device: torch.device) -> list[Enlarger]:
    """The models of the configuration; where two have one name, they are called as they were given.

    Raises:
        UserError: one that cannot be used, or the same one twice.
    """
    given = [str(model) for model in _list(config.model)]
    enlargers = [models.load(model, config.scale, device, config.tile, config.halo) for model in given]
    names = [enlarger.name for enlarger in enlargers]
    for name, enlarger in zip(given, enlargers, strict=True):
        if names.count(enlarger.name) > 1:
            enlarger.name = name
        opaque = (enlarger.channels, config.channels) == (RGBA, 3)
        if enlarger.channels not in (None, config.channels) and not opaque:
            raise UserError(f"{name}: a network for {enlarger.channels} channels, channels={config.channels} is asked "
                            f"for; give channels={enlarger.channels}")  # fmt: skip
    if len({enlarger.name for enlarger in enlargers}) < len(given):
        raise UserError(f"the same model twice: {given}")
    return enlargers


def trained_range(config: DictConfig, enlargers: Sequence[Enlarger]) -> Range | None:
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


def load_sets(config: DictConfig, values: Range | None) -> list[Images]:
    """The sets of the configuration, without their LR files where a degradation is named.

    Args:
        config: of the evaluation.
        values: seen as 0 and 1; None for each file's own.

    Raises:
        UserError: one that is not there, or two of one name.
    """
    found = [locate(which, config.root, config.scale) for which in _list(config.sets)]
    if config.degradation is not None:
        found = [replace(one, lr=None) for one in found]
    sets = [one.images(config.scale, config.channels, values) for one in found]
    if len({images.name for images in sets}) < len(sets):
        raise UserError(f"two sets have one name: {[images.name for images in sets]}; give each folder its own")
    return sets


def load_metrics(config: DictConfig) -> tuple[dict[str, Metric], list[str]]:
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


def load_degradation(config: DictConfig, device: torch.device) -> Degradation:
    """What makes lr, on `device` where it is a module: bicubic where none is named, for sets without LR files."""
    degradation = Bicubic(config.scale) if config.degradation is None else instantiate(config.degradation)
    return degradation.to(device).eval() if isinstance(degradation, torch.nn.Module) else degradation


def score_models(
    results: Results,
    enlargers: Sequence[Enlarger],
    sets: Sequence[Images],
    metrics: dict[str, Metric],
    degradation: Degradation,
    panel: Panel,
    device: torch.device,
    rank: int = 0,
    world: int = 1,
) -> None:
    """Fill `results` with every model on every set, set by set, so that an interrupted evaluation keeps whole sets.

    Args:
        results: of these models and metrics, empty.
        enlargers, sets, metrics, degradation: as the `load_...` return them.
        panel: which images to show, and what of them, in the words of the config.
        device: where to score.
        rank, world: as in `sr.judge.score.score`.
    """
    for number, images in enumerate(sets):
        wanted = list(panel.images) or images.names[: int(number < SHOWN)]
        boxes = boxes_of(images, wanted, panel.box, panel.size_px, degradation, device)
        for enlarger in enlargers:
            title = f"{enlarger.name} on {images.name}"
            records = score(enlarger, images, metrics, device, rank, world, boxes, title, degradation)
            results.add(row(enlarger.name, images, records, list(metrics), enlarger.parameters), records)
            results.complain(complaints(images, records))
        results.examples += [example(results, images, name, box, degradation, device) for name, box in boxes.items()]


def _list(node: Any) -> list[Any]:
    return list(node) if OmegaConf.is_list(node) else [node]
