"""Scenes that are larger than memory, enlarged window by window from file to file."""

from collections.abc import Callable, Iterator
from math import ceil

import numpy as np
from tqdm import tqdm

from sr.formats.nodata import FILL_PX
from sr.image.range import Range
from sr.image.resize import support

from .enlarger import Enlarger
from .memory import give_back
from .pixels import Colours, Options, enlarge_part
from .reach import GRID_PX, NEAR_PX
from .stretch import Stretch
from .tiles import tile_that_fits

WINDOW_PX = 512  # side, in input pixels: larger ones gain little, and memory stays below 2 GB
HALOS = 9  # a side of so many halos, where that is more: 1.5 times the work
BLOCK_PX = 512  # parts of the result are multiples of it, as files are stored
BACK_PROJECTION_PX = 4  # LR pixels on each side that one step depends on


def enlarge_windows(
    enlarger: Enlarger,
    read: Callable[[slice, slice], np.ndarray],
    write: Callable[[slice, slice, np.ndarray], None],
    size: tuple[int, int],
    values: Range,
    alpha: bool = False,
    masked: bool = False,
    options: Options | None = None,
    write_invented: Callable[[slice, slice, np.ndarray], None] | None = None,
    colours: Colours | None = (0, 1, 2),
) -> None:
    """Enlarge window by window; the result equals that of the whole image as far as the halo does: see `Enlarger`.

    Args:
        enlarger: to use.
        read: rows and columns of the input to pixels H W C, NaN where they are missing.
        write: takes rows and columns of the result, and pixels.
        size: height and width of the input.
        values: that the network is to see as 0 and 1.
        alpha: whether the last band is transparency.
        masked: whether pixels may be missing.
        options: what else is done.
        write_invented: takes the map of what was invented; asked for by the options.
        colours: as in `pixels.enlarge`.
    """
    options = options or Options()
    height, width = options.size(*size, enlarger.scale)
    if enlarger.halo_px is None:  # of unbounded receptive field: its tiles fade into each other within one window
        rows, columns = [Stretch.whole(height, size[0])], [Stretch.whole(width, size[1])]
    else:
        seen = BACK_PROJECTION_PX * (options.back_projections + options.uncertainty)
        give_back()
        halo = enlarger.halo_px + FILL_PX * (masked or alpha) + seen
        most = max(WINDOW_PX, HALOS * halo // GRID_PX * GRID_PX if enlarger.halo_px > NEAR_PX else 0)
        side = min(max(tile_that_fits(enlarger.bytes_per_pixel, halo, enlarger.device), 4 * GRID_PX), most)
        rows = list(stretches(height, size[0], side, halo, enlarger.scale))
        columns = list(stretches(width, size[1], side, halo, enlarger.scale))
    bar = tqdm(total=height * width / 1e6, unit="MP", disable=not enlarger.progress, leave=False,
               bar_format="{l_bar}{bar}| {n:.0f}/{total:.0f} MP [{elapsed}<{remaining}, {rate_fmt}]")  # fmt: skip
    with bar:
        for row in rows:
            for column in columns:
                pixels = read(slice(row.lr_first, row.lr_last), slice(column.lr_first, column.lr_last))
                made, invented = enlarge_part(enlarger, pixels, row, column, alpha, options, values, colours)
                place = slice(row.first, row.last), slice(column.first, column.last)
                write(*place, made)
                if invented is not None and write_invented is not None:
                    write_invented(*place, invented)
                bar.update(made.shape[0] * made.shape[1] / 1e6)


def stretches(size: int, lr_size: int, side: int, halo: int, scale: int) -> Iterator[Stretch]:
    """One axis of the result in parts that are made from about `side` pixels of the input, and what lies around."""
    step = max(round(side * size / lr_size / BLOCK_PX), 1) * BLOCK_PX
    for first in range(0, size, step):
        last = min(first + step, size)
        begin, end = support(lr_size * scale, size, first, last)  # in pixels of what the network makes
        alpha_begin, alpha_end = support(lr_size, size, first, last)
        lr_first = max(min(begin // scale, alpha_begin) - halo, 0) // GRID_PX * GRID_PX
        # Counted from the far edge too: with symmetries the network begins there.
        behind = max(lr_size - max(ceil(end / scale), alpha_end) - halo, 0) // GRID_PX * GRID_PX
        lr_last = lr_size - behind
        yield Stretch(size, first, last, lr_size, lr_first, lr_last)
