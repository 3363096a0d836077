"""Scores of one enlarger on one set of images: what a training run ends with, and all that sr.evaluate does."""

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from time import perf_counter
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torchmetrics import Metric
from tqdm import tqdm

from sr.data.images import Images
from sr.degradations import Bicubic, pair
from sr.degradations.pairs import Degradation
from sr.errors import UserError, reason
from sr.inference.memory import peak_bytes
from sr.inference.precision import full_float32

Record = dict[str, Any]
Box = tuple[int, int, int, int]  # left, top, width, height in HR pixels


@full_float32()  # metrics are networks too
@torch.inference_mode()
def score(
    enlarge: Callable[[Tensor], Tensor],
    images: Images,
    metrics: Mapping[str, Metric],
    device: torch.device | str = "cpu",
    rank: int = 0,
    world: int = 1,
    boxes: Mapping[str, Box] | None = None,
    progress: str | None = None,
    degradation: Degradation | None = None,
) -> list[Record]:
    """Enlarge every image and score it.

    An image that cannot be read, enlarged or scored is named in its record, and the others go on.

    Args:
        enlarge: lr (1 C H W, in [0, 1]) to sr (1 C sH sW).
        images: the set.
        metrics: name -> metric of (sr, hr), or of what its `inputs` name; left as they are.
        rank, world: this process takes every world-th image, and all get all records.
        boxes: image name -> the part of its sr that the record keeps.
        progress: title of a progress bar; None for no bar.
        degradation: makes lr where there are no files of it; by default the bicubic of the benchmarks.

    Returns:
        A record an image, in their order: {"image", and either "failed": why, or "scores": {metric: value, or None
        where the metric cannot see such an image}, "refused": {metric: why}, "ms", "megapixels", "lr_pixels", "crop":
        uint8 C h w, if a box asked for it}. The record of the largest image has "peak_bytes" too.
    """
    metrics = {name: _alone(metric).to(device) for name, metric in metrics.items()}
    records: list[tuple[int, Record]] = []
    warm, largest = False, None
    for i in tqdm(range(rank, len(images), world), desc=progress, unit="image", disable=progress is None or rank > 0):
        record: Record = {"image": images.names[i]}
        records.append((i, record))
        try:
            lr, hr = pair_of(images, i, degradation, device)
            if not warm:  # the first call of a network chooses algorithms and takes memory
                enlarge(lr)
                warm = True
            began = _now(device)
            sr = enlarge(lr).to(hr.device)  # tiled results may lie on the CPU
            record["ms"] = 1000 * (_now(device) - began)
        except (UserError, OSError, RuntimeError, ValueError) as error:
            record["failed"] = reason(error)
            continue
        if sr.shape != hr.shape:
            record["failed"] = f"SR is {_size(sr)}, HR {_size(hr)}: the model enlarges by another scale"
            continue
        sr = sr.clamp(0, 1)
        record |= {"megapixels": sr[0, 0].numel() / 1e6, "lr_pixels": lr[0, 0].numel()}
        record |= _scores(metrics, {"sr": sr, "hr": hr, "lr": lr})
        if boxes and record["image"] in boxes:
            left, top, width, height = boxes[record["image"]]
            crop = sr[0, :, top : top + height, left : left + width]
            record["crop"] = (crop * 255).round().to(torch.uint8).cpu()
        if largest is None or lr.numel() > largest[1].numel():
            largest = (record, lr)
    if largest is not None:
        largest[0]["peak_bytes"] = peak_bytes(lambda: enlarge(largest[1]), torch.device(device))
    return [record for _, record in sorted(_of_all(records, world), key=lambda item: item[0])]


def pair_of(
    images: Images, i: int, degradation: Degradation | None = None, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    """(lr, hr) of one image, 1 C H W and 1 C sH sW in [0, 1]."""
    image = images[i]
    batch = {side: image[side][None] for side in ("lr", "hr") if side in image} | {"n": [i]}
    return pair(batch, degradation or Bicubic(images.scale), device)


def row(
    model: str, images: Images, records: Sequence[Record], metrics: Sequence[str], parameters: int | None
) -> Record:
    """What a table says of one model on one set: the means over the images that could be scored.

    Args:
        model: its name.
        images: the set, with `name` and `scale`.
        records: as `score` returns them.
        metrics: names of the columns, in their order; None where no image has a value.
        parameters: of the model.
    """
    scored = [record for record in records if "scores" in record]
    found: Record = {"model": model, "set": images.name, "scale": images.scale, "n": len(scored)}
    for key in metrics:
        values = [value for record in scored if (value := record["scores"].get(key)) is not None]
        found[key] = sum(values) / len(values) if values else None
    megapixels = sum(record["megapixels"] for record in scored)
    found["ms_per_mp"] = sum(record["ms"] for record in scored) / megapixels if scored else None
    peaks = [record["peak_bytes"] for record in scored if "peak_bytes" in record]
    found["peak_mb"] = max(peaks) / 1e6 if peaks else None
    found["parameters"] = parameters
    return found


def complaints(images: Images, records: Sequence[Record]) -> list[str]:
    """A line for each image that is missing from the table or from one of its columns."""
    lines = []
    for record in records:
        if "failed" in record:
            why = record["failed"]
            named = re.search(rf"(^|/){re.escape(record['image'])}(\.\w+)?: ", why)
            lines.append(why if named else f"{images.name}/{record['image']}: {why}")
        for key, why in record.get("refused", {}).items():
            lines.append(f"{images.name}/{record['image']}: not in {key}: {why}")
    return lines


def _alone(metric: Metric) -> Metric:
    """A copy that does not synchronise with other processes: each image is scored by itself."""
    metric = deepcopy(metric)
    metric.sync_on_compute = metric._to_sync = False
    metric.reset()
    return metric


def _scores(metrics: Mapping[str, Metric], seen: Mapping[str, Tensor]) -> Record:
    """{"scores", "refused"} of one image by every metric; `seen` holds its sr, hr and lr."""
    scores: dict[str, float | None] = {}
    refused: dict[str, str] = {}
    for name, metric in metrics.items():
        try:
            metric.reset()
            metric.update(*(seen[side] for side in getattr(metric, "inputs", ("sr", "hr"))))
            scores[name] = float(metric.compute())
            if scores[name] != scores[name]:
                raise ValueError("its value is NaN")
        except (UserError, RuntimeError, ValueError, IndexError) as error:
            scores[name], refused[name] = None, reason(error)
    return {"scores": scores, "refused": refused}


def _of_all(records: list[tuple[int, Record]], world: int) -> list[tuple[int, Record]]:
    """The numbered records of all processes."""
    if world == 1:
        return records
    gathered: list[Any] = [None] * world
    dist.all_gather_object(gathered, records)
    return [item for part in gathered for item in part]


def _now(device: torch.device | str) -> float:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter()


def _size(image: Tensor) -> str:
    return f"{image.shape[-1]}x{image.shape[-2]} with {image.shape[1]} channels"
