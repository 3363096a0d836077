"""Which part of which image the figure of an evaluation shows."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sr.data.images import Images
from sr.degradations.pairs import Degradation
from sr.errors import UserError
from sr.image.resize import imresize

from .figures import AXES, Example
from .results import Results
from .score import Box, pair_of


def hardest_box(lr: Tensor, hr: Tensor, width: int, height: int) -> Box:
    """Where bicubic enlargement fails most: left, top, width, height of the box with the largest squared error.

    Args:
        lr: C H W in [0, 1].
        hr: C sH sW.
        width, height: of the box, at most those of hr; the box keeps off the border where it can.
    """
    width, height = min(width, hr.shape[-1]), min(height, hr.shape[-2])
    error = ((imresize(lr, hr.shape[-1] // lr.shape[-1]) - hr) ** 2).sum(0).double()
    sums = torch.nn.functional.pad(error.cumsum(0).cumsum(1), (1, 0, 1, 0))
    boxes = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    y, x = ((size - 1) // 2 if size < 17 else 8 for size in boxes.shape)
    inner = boxes[y : len(boxes) - y, x : boxes.shape[1] - x]
    best = int(inner.argmax())
    return best % inner.shape[1] + x, best // inner.shape[1] + y, width, height


def boxes_of(
    images: Images,
    wanted: Sequence[str],
    asked: Sequence[int] | None,
    size_px: int,
    degradation: Degradation,
    device: torch.device,
) -> dict[str, Box]:
    """Image -> what to show of it, in HR pixels.

    Args:
        images: the set.
        wanted: names; those of other sets, and images that cannot be read, are left out.
        asked: left, top, width and height; None: where bicubic fails most.
        size_px: side of the box, where none is asked for.
        degradation, device: as in `sr.judge.score.score`.

    Raises:
        UserError: a box that does not lie in its image.
    """
    boxes: dict[str, Box] = {}
    for name in wanted:
        try:
            if name not in images.names:
                continue
            lr, hr = (image[0].cpu() for image in pair_of(images, images.names.index(name), degradation, device))
        except (UserError, OSError):
            continue  # the table will name it
        box = asked or hardest_box(lr, hr, size_px, size_px)
        if not _lies_in(box, hr):
            raise UserError(f"panel.box={list(box)}: left, top, width and height must lie in the "
                            f"{hr.shape[-1]}x{hr.shape[-2]} pixels of {images.name}/{name}")  # fmt: skip
        boxes[name] = (box[0], box[1], box[2], box[3])
    return boxes


def example(
    results: Results, images: Images, name: str, box: Box, degradation: Degradation, device: torch.device
) -> Example:
    """One image for the figure: HR and every model's crop, from its record, with its scores."""
    hr = pair_of(images, images.names.index(name), degradation, device)[1][0].cpu()
    left, top, width, height = box
    axes = ([key for key, column in results.columns.items() if column.axis == axis] for axis in AXES)
    shown = {keys[0]: results.columns[keys[0]] for keys in axes if keys}  # the first metric of each
    titles = " / ".join(column.title.split(" (")[0] for column in shown.values())
    crops: list[tuple[str, Tensor, str]] = [("HR", hr[:, top : top + height, left : left + width], titles)]
    for model in results.models:
        record = next(record for record in results.records[images.name, model] if record["image"] == name)
        if "crop" in record:
            values = " / ".join(column.show(record["scores"][key]) for key, column in shown.items())
            crops.append((model, record["crop"] / 255, values))
    return Example(f"{images.name} {name}, x{images.scale}", hr, box, crops)


def _lies_in(box: Sequence[int], image: Tensor) -> bool:
    """Whether it is left, top, width and height of a part of the image, ... H W."""
    if len(box) != 4 or min(box) < 0 or 0 in box[2:]:
        return False
    left, top, width, height = box
    return left + width <= image.shape[-1] and top + height <= image.shape[-2]
