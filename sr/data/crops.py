"""Stateless sampling: sample n of a run is a function of (seed, n) alone.

So the number of workers and of processes changes nothing, and a resumed run goes on where it stopped, without any
random state to save.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from sr.errors import UserError
from sr.image.range import Range, unit

from .pack import Array, Pack, seen


class Crops(Dataset[dict[str, Any]]):
    """Random crops, flipped and turned. Item n is {"hr": C P P, "n": n}, and "lr" where files hold one.

    Every crop position of every image is equally likely, so large images are seen more often.

    Args:
        hr: images of at least `crop_px`.
        lr: the same images, `scale` times smaller, or None.
        crop_px: side of the hr crop, divisible by the scale.
        seed: of the run.
        augment: flips and quarter turns, all eight equally likely.
    """

    def __init__(self, hr: Pack, lr: Pack | None, crop_px: int, scale: int, seed: int, augment: bool = True) -> None:
        if crop_px % scale:
            raise UserError(f"data.crop_px={crop_px} is not divisible by scale {scale}; "
                             f"use {crop_px // scale * scale}")  # fmt: skip
        self.hr, self.lr = hr, lr
        self.crop_px, self.scale, self.seed, self.augment = crop_px, scale, seed, augment
        # Positions are counted on the low-resolution grid, so that hr and lr crops show the same part of the image.
        self.step = scale if lr is not None else 1
        free = [((h - crop_px) // self.step + 1, (w - crop_px) // self.step + 1) for h, w, _ in hr.shapes]
        self.free = free
        self.ends = np.cumsum([rows * columns for rows, columns in free])

    def __getitem__(self, n: int) -> dict[str, Any]:
        random = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, n, 0, 0]))
        position = int(random.integers(self.ends[-1]))
        turn = int(random.integers(8)) if self.augment else 0
        i = int(np.searchsorted(self.ends, position, side="right"))
        position -= int(self.ends[i - 1]) if i else 0
        top, left = (self.step * p for p in divmod(position, self.free[i][1]))
        item = {"hr": self._crop(self.hr[i], self.hr.ranges[i], top, left, self.crop_px, turn), "n": n}
        if self.lr is not None:
            s = self.scale
            item["lr"] = self._crop(self.lr[i], self.lr.ranges[i], top // s, left // s, self.crop_px // s, turn)
        return item

    @staticmethod
    def _crop(image: Array, values: Range, top: int, left: int, side: int, turn: int) -> Tensor:
        crop = np.rot90(image[top : top + side, left : left + side], turn % 4)
        return seen(crop[:, ::-1] if turn >= 4 else crop, values)


def collate(items: list[dict[str, Any]], counted: bool = True) -> dict[str, Any]:
    """A batch; bytes beside float become float too, and the numbers of the samples stay on the host.

    Args:
        counted: whether validation scores this batch; it is put into the batch.
    """
    batch: dict[str, Any] = {"n": [item["n"] for item in items], "counted": counted}
    for side in ("hr", "lr"):
        if side in items[0]:
            images = [item[side] for item in items]
            alike = len({image.dtype for image in images}) == 1
            batch[side] = torch.stack(images if alike else [unit(image) for image in images])
    return batch


class StepSampler(Sampler[list[int]]):
    """The sample numbers of each step of a run, from `start` on: step t takes batch_size * t ... batch_size * (t + 1).

    Process r of w takes every w-th of them, so that together the processes train on the same samples as one.

    Args:
        total: steps of the whole run; also the length, whatever the start.
        batch_size: of all processes together.

    Raises:
        UserError: a batch that the processes cannot share equally.
    """

    def __init__(self, total: int, batch_size: int, start: int = 0, rank: int = 0, world: int = 1) -> None:
        if batch_size % world:
            raise UserError(f"data.batch_size={batch_size} cannot be shared equally by {world} processes")
        self.total, self.batch_size, self.start, self.rank, self.world = total, batch_size, start, rank, world

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self.start, self.total):
            first = step * self.batch_size
            yield list(range(first + self.rank, first + self.batch_size, self.world))
