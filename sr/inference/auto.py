"""`--model auto`: one look at a photograph, and the bundled model that was trained for what was done to it."""

from typing import NamedTuple

import torch

from sr.estimation import Estimate, of_file
from sr.formats import File

from . import models
from .enlarger import Enlarger

SEEN_PX = 96  # of a side, that a choice needs: below, texture is often taken for noise
# What the model for clean pictures stands: of the .95 dB by which it is above bicubic (Kodak24), half is left.
NOISE = 5.0  # levels
GRAIN = 10.0  # the same of coarse noise, for which fine texture is sometimes taken
QUALITY = 88  # of JPEG
WIDTH = 0.8  # of the kernel, in pixels; clean photos have up to .7, and here .2 to .4 dB are left
HALO = 0.3  # of the step of an edge; clean photos have up to .2


class Choice(NamedTuple):
    """A bundled model, and why it is taken.

    Args:
        name: of the model.
        why: in words for the user.
    """

    name: str
    why: str

    def __str__(self) -> str:
        return f"{models.AUTO} takes {self.name}: {self.why}"


class Auto:
    """Chooses a model for each file, and loads each once.

    Args:
        factor: by which is enlarged: models of the next scale at or above it are taken.
        device, tile, halo, precision, progress: as for `Enlarger`.
    """

    def __init__(
        self, factor: float, device: torch.device, tile: int | str = "auto", halo: int | str = "auto",
        precision: str = "auto", progress: bool = False,
    ) -> None:  # fmt: skip
        self.factor, self.device, self.tile, self.halo = factor, device, tile, halo
        self.precision, self.progress = precision, progress
        self.scale = models.scale_of(models.default(factor))
        self.loaded: dict[str, Enlarger] = {}

    def of(self, file: File) -> tuple[Enlarger, str]:
        """The enlarger for an open file, and the line that says why.

        Raises:
            UserError: the file cannot be read.
        """
        choice = choose(file, self.factor)
        if choice.name not in self.loaded:
            self.loaded[choice.name] = models.load(choice.name, None, self.device, self.tile, self.halo)
        found = self.loaded[choice.name]
        found.progress, found.precision = self.progress, self.precision
        return found, str(choice)


def choose(file: File, factor: float) -> Choice:
    """The model for an open file, by its first image.

    Args:
        file: of any kind; only photographs are looked at.
        factor: by which is enlarged.

    Raises:
        UserError: the file cannot be read.
    """
    clean, real = models.default(factor), models.of_family(models.REAL, factor)
    if file.kind == "dicom" or file.layout != "frames" or file.shape[3] - file.alpha not in (1, 3):
        return Choice(clean, "it is no photo, and nothing is to be invented in it")
    if min(file.shape[1:3]) < SEEN_PX:
        return Choice(clean, f"under {SEEN_PX} pixels it is not to be seen what was done to a picture")
    seen = of_file(file)
    damage = damages(seen)
    if not damage:
        return Choice(clean, f"the photo is clean ({state(seen)})")
    told = " and ".join([", ".join(damage[:-1]), damage[-1]] if len(damage) > 1 else damage)
    if real is None or models.scale_of(real) < models.scale_of(clean):
        wanted = f"{models.REAL}_x{models.scale_of(clean)}"
        return Choice(clean, f"for {told} {wanted} would be better, but it is not bundled here")
    return Choice(real, told)


def damages(seen: Estimate) -> list[str]:
    """What is beyond the model for clean pictures, in words."""
    found = []
    if seen.noise > NOISE or seen.grain > GRAIN:
        found.append(f"noise of {max(seen.noise, seen.grain):.0f} levels")
    if seen.quality is not None and seen.quality < QUALITY:
        found.append(f"JPEG of quality {seen.quality}")
    if seen.width is not None and seen.width > WIDTH:
        found.append(f"blur of {seen.width:.1f} pixels")
    if seen.halo is not None and seen.halo > HALO:
        found.append(f"halos of {seen.halo:.0%}")
    return found


def state(seen: Estimate) -> str:
    """What little there is, in words."""
    jpeg = "no JPEG to be seen" if seen.quality is None else f"JPEG of quality {seen.quality}"
    blur = "" if seen.width is None else f", kernel of {seen.width:.1f} pixels"
    return f"noise of {seen.noise:.1f} levels, {jpeg}{blur}"
