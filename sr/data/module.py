"""The data module: endless training crops, whole validation images."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader

from sr.degradations import Bicubic
from sr.errors import UserError
from sr.image.range import Range

from .crops import Crops, StepSampler, collate
from .images import Images
from .notes import say, some
from .pack import Pack, build
from .sets import Found, locate

Which = str | Mapping[str, str]  # a set, as `sr.data.sets.locate` takes it
DEGRADED, BICUBIC = "degraded", "bicubic"  # what val_lr may name


def listed(which: Any) -> list[Which]:
    """One set or several, as a list."""
    return [which] if isinstance(which, str | Mapping) else list(which)


class CropData(pl.LightningDataModule):
    """Crops of whatever `training` returns, validated on `validation`; subclasses say which files these are.

    Args:
        scale: between hr and lr.
        channels: of the images.
        crop_px: side of the hr crops.
        batch_size: crops a step, over all processes.
        seed: of the sampling.
        workers: loader processes, for each training process.
        val: None for the module's own held-out images, or a set, or several, the first of which chooses the best
            checkpoint.
        val_lr: None takes the LR files of sets to validate and test on, or else the run's degradation. A list of
            "degraded" (by the run's degradation) and "bicubic" makes LR of HR in all of them, files or not: each set is
            there once for each, as SET-degraded and SET-bicubic.
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
        val: Which | Sequence[Which] | None = None,
        benchmarks: str | None = None,
        augment: bool = True,
        range: Sequence[float] | None = None,
        val_lr: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.val_lr = list(val_lr or ())
        if not set(self.val_lr) <= {DEGRADED, BICUBIC} or len(set(self.val_lr)) < len(self.val_lr):
            raise UserError(f"data.val_lr={val_lr}: give null or a list of {DEGRADED} and {BICUBIC}, each once at most")
        self.scale, self.channels, self.crop_px, self.batch_size = scale, channels, crop_px, batch_size
        self.seed, self.workers, self.cache, self.augment = seed, workers, Path(cache), augment
        self.val = [] if val is None else listed(val)
        self.benchmarks = benchmarks
        self.values = None if range is None else Range.given(*range)

    def training(self) -> tuple[Pack, Pack | None]:
        """Packs of hr images, and of lr images where they exist as files."""
        raise NotImplementedError

    def held_out(self) -> Images:
        """The images to validate on where `val` names none."""
        raise NotImplementedError

    found: Found | None = None  # the files of the training set, where they are those of a user

    @cached_property
    def found_for_validation(self) -> list[Found]:
        """The files of the sets that `val` names."""
        sets = [locate(which, self.benchmarks, self.scale) for which in self.val]
        names = [found.name for found in sets]
        if len(set(names)) < len(names):
            raise UserError(f"data.val: two sets have one name: {names}; give each folder its own")
        return sets

    @property
    def holds(self) -> dict[str, str]:
        """What the training set and those of validation hold, to be compared when a run goes on."""
        training = {} if self.found is None else {"training": self.found.identity}
        return training | {f"validation {found.name}": found.identity for found in self.found_for_validation}

    def images(self, which: Which) -> list[Images]:
        """The images of a set, once or as `val_lr` wants them."""
        return self.in_versions(locate(which, self.benchmarks, self.scale))

    def in_versions(self, found: Found | Images) -> list[Images]:
        """The same of a set that is found already."""
        if isinstance(found, Found):
            found = self.images_of(replace(found, lr=None) if self.val_lr else found)
        versions = [found.made(how, Bicubic(self.scale) if how == BICUBIC else None) for how in self.val_lr]
        return versions or [found]

    def images_of(self, found: Found) -> Images:
        """The images of a set that is found already, with its LR files where it has any."""
        if found.lr is None:  # decoded once; what cannot be is named and left out
            return Images(found.name, self.pack(found.hr, found.root, 1), None, self.scale, self.channels)
        return found.images(self.scale, self.channels, self.values)

    def pack(self, files: list[Path], root: Path, minimum_px: int, sizes: Sequence[float] = (1,)) -> Pack:
        return build(files, root, self.cache, channels=self.channels, minimum_px=minimum_px, values=self.values,
                     sizes=sizes)  # fmt: skip

    def hold_out(self, count: int, pack: Pack, *others: Pack) -> list[tuple[Pack, Pack]]:
        """(training, validation) of a pack, and of others with the same images in the same order.

        All images are for training where `val` names others. Otherwise about `count` of them are held out, spread
        evenly over the sorted names; of a volume or series all slices or none, for neighbours are nearly the same.
        """
        held_out: list[int] = []
        if not self.val and count:
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
        sets: Sequence[Found | Images] = self.found_for_validation or [self.held_out()]
        self.validations = [images for one in sets for images in self.in_versions(one)]
        for found in self.found_for_validation:
            self._tell_trained_on(found)

    @property
    def validation(self) -> Images:
        """The first of the sets to validate on, by which the best checkpoint is chosen."""
        return self.validations[0]

    def _tell_trained_on(self, other: Found) -> None:
        """Say which images of a set for validation are trained on, too: the very files, for no others are opened."""
        trained: dict[str, list[Path]] = {}
        for path in self.found.hr if self.found else ():
            trained.setdefault(path.name, []).append(path)
        both = [path for path in other.hr if any(_same_file(path, twin) for twin in trained.get(path.name, ()))]
        if both:
            say(f"validation {other.name}: {len(both)} of {len(other.hr)} images are trained on, too, which flatters "
                f"its scores: {some(both)}")  # fmt: skip

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

    def val_dataloader(self) -> list[DataLoader[Any]]:
        return [self._in_order(images) for images in self.validations]

    test_dataloader = predict_dataloader = val_dataloader  # for whoever calls Lightning's Trainer

    def _in_order(self, images: Images) -> DataLoader[Any]:
        assert self.trainer is not None
        # Every process takes its own images and none is repeated, so that sums over processes are exact.
        mine = range(self.trainer.global_rank, len(images), self.trainer.world_size)
        # One without images goes through the first one too, uncounted: all must take part in what they share.
        counted = partial(collate, counted=len(mine) > 0)
        return DataLoader(images, batch_size=1, sampler=list(mine) or [0], collate_fn=counted)


def _same_file(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except OSError:  # an image in a database
        return a.absolute() == b.absolute()


def _leave_signals_to_the_parent(_: int) -> None:
    """Signals reach the whole process group: the trainer finishes its step, and needs its loaders for that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
