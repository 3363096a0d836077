"""All that is estimated of one photograph."""

from collections.abc import Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from sr.errors import UserError
from sr.formats import File
from sr.image.color import FULL_SWING

from . import jpeg
from .edges import edges
from .noise import noise_level

Array = np.ndarray[Any, np.dtype[Any]]
TILE_PX = 256
TILES = 4  # across and down, of an image that is larger than that; a multiple of 16 pixels apart
GRID_PX = 16  # of JPEG's blocks, chroma halved
LEAST_PX = 32  # of a side
FINEST = max(jpeg.QUALITIES)
START = b"\xff\xd8"  # of a JPEG file


class Estimate(NamedTuple):
    """What was done to a photograph.

    Args:
        noise: standard deviation of white noise in levels of 255, mean over the channels.
        grain: the same at half the size and doubled: as large where the noise is white, larger where it is coarse.
        quality: of JPEG, 1 to 100 of libjpeg; None: not compressed, or so finely that it is not to be seen.
        grid: x and y of the first border between blocks, 0 to 7, where there is a quality.
        by_file: the quality is that of the tables in the file, not estimated.
        width: of the kernel that blurred it: standard deviation in pixels; None: no edges to measure it.
        halo: by how much edges overshoot, as a share of their step: sharpening, ringing.
    """

    noise: float
    grain: float
    quality: int | None = None
    grid: tuple[int, int] | None = None
    by_file: bool = False
    width: float | None = None
    halo: float | None = None


def of_file(file: File) -> Estimate:
    """Of the first image in an open file.

    Raises:
        UserError: it cannot be read, is too small, or a scene or volume.
    """
    if file.layout != "frames":
        raise UserError(f"{file.path}: a {file.kind} file holds no photograph; what was done to it is not estimated")
    pixels = file.range.to_unit(next(iter(file.frames())))
    if min(pixels.shape[:2]) < LEAST_PX:
        raise UserError(
            f"{file.path}: {pixels.shape[1]}x{pixels.shape[0]} pixels say too little; {LEAST_PX} are needed"
        )
    told = _quality_of(file)
    seen = of_image(pixels[..., :-1] if file.alpha else pixels, told is None or told > FINEST)
    return seen if told is None or seen.quality else seen._replace(quality=told, grid=(0, 0), by_file=True)


def of_image(image: Array, compressed: bool = True) -> Estimate:
    """Of H W C in [0, 1], C = 3 for colours; of a large one, of 16 parts that lie evenly over it.

    Args:
        compressed: look for JPEG, too.
    """
    parts = [
        image[top : top + TILE_PX, left : left + TILE_PX]
        for top in _starts(image.shape[0])
        for left in _starts(image.shape[1])
    ] if max(image.shape[:2]) > TILE_PX * TILES else [image]  # fmt: skip
    return of_tiles(parts, compressed)


def of_tiles(tiles: Sequence[Array], compressed: bool = True) -> Estimate:
    """Of parts of one image, each H W C in [0, 1], that begin on one grid of JPEG's blocks."""
    levels = [np.nan_to_num(tile).clip(0, 1) * np.float32(255) for tile in tiles]
    weights = np.array(FULL_SWING if levels[0].shape[2] == 3 else [1 / levels[0].shape[2]] * levels[0].shape[2])
    planes = [level @ weights.astype(np.float32) for level in levels]
    noise = _noise(levels)
    found = jpeg.of_pixels(planes) if compressed else None
    steps = edges(planes, noise)
    return Estimate(
        noise, 2 * _noise([_halved(level) for level in levels]),
        found and found.quality, found and found.grid, False,
        steps and steps.width, steps and steps.halo,
    )  # fmt: skip


def _noise(levels: Sequence[Array]) -> float:
    channels = range(levels[0].shape[2])
    return sqrt(np.mean([noise_level([level[..., channel] for level in levels]) ** 2 for channel in channels]))


def _halved(level: Array) -> Array:
    height, width = (size // 2 * 2 for size in level.shape[:2])
    return level[:height, :width].reshape(height // 2, 2, width // 2, 2, -1).mean(axis=(1, 3))


def _starts(size: int) -> list[int]:
    """Where the parts begin along an axis."""
    if size <= TILE_PX * TILES:
        return list(range(0, size - LEAST_PX + 1, TILE_PX)) or [0]
    return [round(i * (size - TILE_PX) / (TILES - 1)) // GRID_PX * GRID_PX for i in range(TILES)]


def _quality_of(file: File) -> int | None:
    """What the tables of the file say; None where it is no JPEG file."""
    file.handle.seek(0)
    if file.handle.read(len(START)) != START:
        return None
    file.handle.seek(0)
    with Image.open(file.handle) as header:
        tables = getattr(header, "quantization", None)
    return jpeg.of_tables(tables) if tables else None
