"""From file to file: opened once, enlarged, written; frame by frame, window by window, or slice by slice."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from glob import escape
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from sr import formats
from sr.errors import UserError
from sr.formats import File, picture
from sr.formats.labels import distinct

from . import labels, volume, windows
from .auto import Auto
from .enlarger import Enlarger
from .memory import free_bytes, give_back
from .pixels import Options, enlarge
from .stretch import Stretch

BATCH = 8  # frames at once on a GPU; on a CPU several are no faster than one
ALIKE = 0.1  # of the range that a network was trained for: what a file must at least use of it


def enlarge_file(
    source: Path, target: Path, enlarger: Enlarger | Auto, options: Options, overwrite: bool = False
) -> str:
    """Enlarge a file of any kind into `target`, with its metadata.

    Args:
        source, target: files of one kind; `target` is replaced.
        enlarger: to use, or what chooses it by the file.
        options: what else is done.
        overwrite: replace a map of what was invented too.

    Returns:
        Notes for the user, often none.

    Raises:
        UserError: why it cannot be enlarged, in one sentence.
    """
    if options.uncertainty and not overwrite and (there := maps(target)):
        raise UserError(f"{there[0]}: would be overwritten; name another place, or --overwrite")
    asked = options.labels
    with formats.open(source) as file:
        if options.uncertainty and file.moves:
            raise UserError(
                f"{source}: a map of what was invented is made of still images alone; leave out --uncertainty"
            )
        enlarger, options, notes = choose_labels(file, enlarger, options)
        enlarger, why = chosen(enlarger, file)
        refuse_too_large(file, enlarger, options, 1 if file.kind == "video" else file.shape[0])
        if options.spacing is not None:
            file.use_spacing(options.spacing)
        if options.nodata is not None:
            file.use_nodata(options.nodata)
        file.refuse(target)
        notes += choose_range(file, enlarger, options) + may_be_labels(file, asked)
        {"frames": _frames, "windows": _windows, "volume": _volume}[file.layout](file, target, enlarger, options)
        return "; ".join(why + file.notes + notes + told(file, enlarger, options))


def chosen(enlarger: Enlarger | Auto, file: File) -> tuple[Enlarger, list[str]]:
    """What enlarges the file, and a note on why where that was chosen by the file."""
    if isinstance(enlarger, Enlarger):
        return enlarger, []
    found, why = enlarger.of(file)
    return found, [why]


def choose_labels(
    file: File, enlarger: Enlarger | Auto, options: Options
) -> tuple[Enlarger | Auto, Options, list[str]]:
    """Decide whether the numbers of a file are labels: where it says so, or the user does.

    Returns:
        What enlarges them, the options to go on with, and notes for the user.

    Raises:
        UserError: what is made of such a file cannot hold labels.
    """
    how = options.labels
    if how == "auto":
        how = "nearest" if file.labels and not file.moves else "no"
    if how == "no":
        told = f"enlarged as amounts, though it holds labels ({file.labels})"
        return enlarger, replace(options, labels="no"), [told] if file.labels else []
    file.use_labels()
    said = f" ({file.labels})" if file.labels else ""
    told = f"labels{said}, by {how}: each value is one of the file's"
    options = replace(options, labels=how, symmetries=False, back_projections=0, range=None, bands=None)
    return labels.repeating(how, enlarger), options, [told]


def may_be_labels(file: File, asked: str) -> list[str]:
    """A note for the user, where numbers look like labels and neither the file nor the user says what they are."""
    if asked != "auto" or file.as_labels or file.moves:
        return []
    found = distinct(file.some())
    told = f"only {found} different numbers: if they are labels, --labels nearest keeps them (no: they are not)"
    return [told] if found else []


def choose_range(file: File, enlarger: Enlarger, options: Options) -> list[str]:
    """Set the range of the file: the one asked for, or the one that the network was trained for.

    Returns:
        Notes for the user.

    Raises:
        UserError: the options name bands as colours that the file does not have.
    """
    bands = file.shape[3] - file.alpha
    if options.bands and max(options.bands) >= bands >= 3:
        raise UserError(
            f"{file.path}: has bands 0 to {bands - 1}; --bands {' '.join(map(str, options.bands))} names others"
        )
    if options.range is not None:
        file.use_range(options.range)
        return []
    if enlarger.range is None:
        return []
    own = file.in_units(file.glimpse())
    own = own.of_channels(range(len(own.low) - file.alpha))
    file.use_range(replace(enlarger.range, how=f"of {enlarger.name}"))
    (low,), (high,), least, most = enlarger.range.low, enlarger.range.high, min(own.low), max(own.high)
    if (min(high, most) - max(low, least)) < ALIKE * max(high - low, most - least):
        return [f"{enlarger.name} was trained for values of {low:g}..{high:g}, this file's are {least:g}..{most:g}; "
                f"--range {least:g} {most:g} shows it all of them"]  # fmt: skip
    return []


def told(file: File, enlarger: Enlarger, options: Options) -> list[str]:
    """Notes for the user: a range that is not that of the type, and bands that were enlarged one by one."""
    notes = [] if file.range.how == "type" else [str(file.in_units(file.range))]
    three = file.layout != "volume" and file.shape[3] - file.alpha == enlarger.channels == 3
    if three and not file.colours and not options.bands:
        notes.append("3 bands one by one (--bands 0 1 2 if they are red, green and blue)")
    return notes


def enlarged_frames(
    file: File, enlarger: Enlarger, options: Options
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """Frames, pages or slices in order, of a file whose range is chosen.

    Yields:
        Each before, H W C, and after, and the map of what was invented, where the options ask for it.
    """
    batch = BATCH if enlarger.device.type == "cuda" and file.kind == "video" else 1
    frames = file.frames()
    while chunk := list(islice(frames, batch)):
        made, invented = enlarge(enlarger, np.stack(chunk), file.alpha, options, file.range, file.colours)
        yield from zip(chunk, made, [None] * len(chunk) if invented is None else invented, strict=True)


def _frames(file: File, target: Path, enlarger: Enlarger, options: Options) -> None:
    n, height, width, _ = file.shape
    size = options.size(height, width, enlarger.scale)
    maps: list[np.ndarray] = []
    bar = tqdm(total=n, unit="frame", disable=not enlarger.progress or n < 2, leave=False)
    with bar, file.writer(target, size, _how(file, size, enlarger, options)) as write:
        for _, made, invented in enlarged_frames(file, enlarger, options):
            write(made)
            maps += [] if invented is None else [invented]
            bar.update()
    for i, invented in enumerate(maps):
        picture.write(map_beside(target, ".png" if n == 1 else f".{i + 1:04d}.png"), invented)


def _how(file: File, size: tuple[int, int], enlarger: Enlarger, options: Options) -> str:
    """How the result was made, for formats that record it."""
    what = enlarger.name if enlarger.network is None else f"the network {enlarger.name}"
    how = f"enlarged from {file.shape[2]}x{file.shape[1]} to {size[1]}x{size[0]} pixels by {what}"
    if options.labels not in labels.KEPT and (options.symmetries or options.uncertainty):
        how += ", mean of 8 symmetries"
    if options.back_projections:
        how += f", {options.back_projections} back-projections"
    return how


def _windows(file: File, target: Path, enlarger: Enlarger, options: Options) -> None:
    _, height, width, _ = file.shape
    size = options.size(height, width, enlarger.scale)
    values = file.range  # measured before anything is written
    with ExitStack() as stack:
        write_map = None
        if options.uncertainty:  # entered first: it takes its place last
            write_map = stack.enter_context(file.writer(map_beside(target, ".tif"), size, plain=True))
        write = stack.enter_context(file.writer(target, size))
        windows.enlarge_windows(enlarger, file.read, write, (height, width), values, file.alpha, file.missing, options,
                               write_map, file.colours)  # fmt: skip


def _volume(file: Any, target: Path, enlarger: Enlarger, options: Options) -> None:
    voxels, invented = enlarged_voxels(file, enlarger, options)
    size = tuple(voxels.shape[:3])
    with file.writer(target, size) as write:
        write(voxels)
    if invented is not None:
        with file.writer(map_beside(target, ".nii.gz"), size, plain=True) as write:
            write(invented)


def enlarged_voxels(file: Any, enlarger: Enlarger, options: Options) -> tuple[np.ndarray, np.ndarray | None]:
    """A volume whose range is chosen, X Y Z T, and the map of what was invented, where the options ask for it."""
    axes = volume.axes(options.axis, file.axis)
    size = volume.size(file.voxels.shape, axes, options, enlarger.scale)
    made = prod(size) * file.voxels.shape[3]
    # Along all axes three float32 copies too: the sum, one of the three ways, and their mean.
    _refuse_beyond(file.path, made * (file.voxels.itemsize + 12 * (len(axes) == 3) + options.uncertainty),
                   "take a smaller --scale")  # fmt: skip
    file.notes.append(f"slices along {', '.join('xyz'[axis] for axis in axes)}")
    if options.labels in labels.KEPT:
        along = [Stretch.whole(*sides) for sides in zip(size, file.voxels.shape, strict=False)]
        voxels = labels.enlarged(file.voxels, along, options.labels)
        return voxels, np.zeros(voxels.shape, np.uint8) if options.uncertainty else None
    return volume.enlarge_volume(enlarger, file.voxels, axes, file.range, options)


def map_beside(target: Path, suffix: str) -> Path:
    """Where the map of what was invented goes."""
    return target.with_name(f"{target.name}.invented{suffix}")


def maps(target: Path) -> list[Path]:
    """The maps of `target` that exist."""
    return sorted(target.parent.glob(f"{escape(target.name)}.invented.*"))


def refuse_too_large(file: File, enlarger: Enlarger, options: Options, n: int = 1) -> None:
    """Refuse what does not fit into memory, before anything is decoded.

    Args:
        file, enlarger, options: as for enlarging; volumes are refused there.
        n: images that are held at once.

    Raises:
        UserError: how much memory it would take, and what to do.
    """
    if file.layout == "volume" or (file.layout == "windows" and enlarger.halo_px is not None):
        return
    _, height, width, channels = file.shape
    made = height * width * enlarger.scale**2
    new_height, new_width = options.size(height, width, enlarger.scale)
    # Copies in float32, as measured for each option, and the results that are kept until the file is written.
    copies = 9 if options.symmetries or options.uncertainty else 5 if options.back_projections else 3
    needed = (copies * max(made, new_height * new_width) * 4 + n * new_height * new_width * 4) * channels
    _refuse_beyond(file.path, needed, "GeoTIFF scenes are enlarged window by window",
                   f"{new_width}x{new_height} pixels ")  # fmt: skip


def _refuse_beyond(source: Path, needed: float, advice: str, what: str = "") -> None:
    if needed > free_bytes(torch.device("cpu")):
        give_back()  # what was kept of the files before
    free = free_bytes(torch.device("cpu"))
    if needed > free:
        raise UserError(f"{source}: {what}would need {needed / 1e9:.1f} GB of memory, of which {free / 1e9:.1f} are "
                        f"free; {advice}")  # fmt: skip
