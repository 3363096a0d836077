"""The data module: endless training crops, whole validation images."""

import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader

from sr.errors import UserError
from sr.image.range import Range

from .crops import Crops, StepSampler, collate
from .images import Images, open_set
from .pack import Pack, build


class CropData(pl.LightningDataModule):
    """Crops of whatever `training` returns, validated on `validation`; subclasses say which files these are.

    Args:
        scale: between hr and lr.
        channels: of the images.
        crop_px: side of the hr crops.
        batch_size: crops a step, over all processes.
        seed: of the sampling.
        workers: loader processes, for each training process.
        val: None for the module's own held-out images, the name of a benchmark set, or a folder of HR images.
        benchmarks: folder that holds the benchmark sets.
        cache: folder for decoded packs.
        augment: flips and quarter turns.
        range: (low, high) that networks see as 0 and 1, in the unit of the files (Hounsfield units, reflectance ...);
            by default each file's own, found when it is opened.
    """

    def __init__(
        self,
        scale: int = 4,
        channels: int = 3,
        crop_px: int = 64,
        batch_size: int = 16,
        seed: int = 0,
        workers: int = 2,
        cache: str = "~/.cache/sr",
        val: str | None = None,
        benchmarks: str | None = None,
        augment: bool = True,
        range: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.scale, self.channels, self.crop_px, self.batch_size = scale, channels, crop_px, batch_size
        self.seed, self.workers, self.cache, self.augment = seed, workers, Path(cache), augment
        self.val, self.benchmarks = val, benchmarks
        self.values = None if range is None else Range.given(*range)

    def training(self) -> tuple[Pack, Pack | None]:
        """Packs of hr images, and of lr images where they exist as files."""
        raise NotImplementedError

    def held_out(self) -> Images:
        """The images to validate on where `val` is None."""
        raise NotImplementedError

    def images(self, which: str | None) -> Images:
        """The images that `which` names: None, a benchmark set or a folder."""
        if which is None:
            return self.held_out()
        folder = Path(which).expanduser()
        found = open_set(which, self.benchmarks, self.scale, self.channels, self.values)
        if found.lr is None and folder.is_dir():  # decoded once; what cannot be is named and left out
            return Images(found.name, self.pack(found.files, folder, 1), None, self.scale, self.channels)
        return found

    def pack(self, files: list[Path], root: Path, minimum_px: int) -> Pack:
        return build(files, root, self.cache, channels=self.channels, minimum_px=minimum_px, values=self.values)

    def hold_out(self, count: int, pack: Pack, *others: Pack) -> list[tuple[Pack, Pack]]:
        """(training, validation) of a pack, and of others with the same images in the same order.

        All images are for training where `val` names others. Otherwise about `count` of them are held out, spread
        evenly over the sorted names; of a volume or series all slices or none, for neighbours are nearly the same.
        """
        held_out: list[int] = []
        if self.val is None and count:
            groups = list(dict.fromkeys(pack.groups))
            if len(pack) <= count or len(groups) < 2:
                raise UserError(f"{len(pack)} images, {count} of which would be held out for validation (of volumes "
                                 "and series all slices); add images, or name others with data.val=FOLDER")  # fmt: skip
            for group in groups[:: max(len(groups) // count, 1)]:
                if len(held_out) < count:
                    held_out += [i for i, other in enumerate(pack.groups) if other == group]
        rest = [i for i in range(len(pack)) if i not in set(held_out)]
        return [(each.keep(rest), each.keep(held_out)) for each in (pack, *others)]

    def prepare_data(self) -> None:
        self.training()  # packs are built by one process of each machine, before the others look for them

    def setup(self, stage: str) -> None:
        self.crops = Crops(*self.training(), self.crop_px, self.scale, self.seed, self.augment)
        self.validation = self.images(self.val)

    def train_dataloader(self) -> DataLoader[Any]:
        assert self.trainer is not None
        if self.trainer.max_steps < 1:
            raise UserError(f"training is counted in steps: trainer.max_steps={self.trainer.max_steps}, give it at "
                             "least 1")  # fmt: skip
        world, rank = self.trainer.world_size, self.trainer.global_rank
        # Lightning has restored its counter by now: the sampling goes on behind the last batch that was trained on.
        steps = StepSampler(self.trainer.max_steps, self.batch_size, self.trainer.global_step, rank, world)
        return DataLoader(
            self.crops,
            batch_sampler=steps,
            num_workers=self.workers,
            collate_fn=collate,
            pin_memory=self.trainer.strategy.root_device.type == "cuda",
            worker_init_fn=_leave_signals_to_the_parent,
        )

    def val_dataloader(self) -> DataLoader[Any]:
        assert self.trainer is not None
        # Every process takes its own images and none is repeated, so that sums over processes are exact.
        mine = range(self.trainer.global_rank, len(self.validation), self.trainer.world_size)
        # One without images goes through the first one too, uncounted: all must take part in what they share.
        counted = partial(collate, counted=len(mine) > 0)
        return DataLoader(self.validation, batch_size=1, sampler=list(mine) or [0], collate_fn=counted)


def _leave_signals_to_the_parent(_: int) -> None:
    """Signals reach the whole process group: the trainer finishes its step, and needs its loaders for that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
