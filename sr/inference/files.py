"""From file to file: each kind of file is read, enlarged and written in its own way."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from glob import escape
from itertools import islice
from math import prod
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from sr.errors import UserError
from sr.formats import animation, dicom, geotiff, image, nifti, video

from . import stream, volume
from .memory import free_bytes, give_back
from .models import Enlarger
from .pixels import Options, enlarge, least_and_most, unit_bounds

SUFFIXES = image.SUFFIXES | animation.SUFFIXES | dicom.SUFFIXES | set(nifti.SUFFIXES) | video.SUFFIXES | {".jp2"}
BATCH = 8  # frames at once on a GPU; on a CPU several are no faster than one


def enlarge_file(source: Path, target: Path, enlarger: Enlarger, options: Options, overwrite: bool = False) -> str:
    """Enlarge whatever `source` is into `target`, with all that it says of itself.

    Args:
        source, target: files of one kind; `target` is replaced.
        enlarger: to use.
        options: what else is done.
        overwrite: replace a map of what was invented too.

    Returns:
        What there is to say of it, often nothing.

    Raises:
        UserError: in one sentence: why not.
    """
    if not source.exists():
        raise UserError(f"{source}: no such file")
    if options.uncertainty and not overwrite and (there := maps(target)):
        raise UserError(f"{there[0]}: would be overwritten; name another place, or --overwrite")
    give_back()
    for is_kind, do in ((dicom.is_dicom, _dicom), (nifti.is_volume, _volume), (_is_video, _video),
                        (geotiff.is_scene, _scene), (animation.is_animation, _animation)):  # fmt: skip
        if is_kind(source):
            if kind_of(target) != ("dicom" if do is _dicom else kind_of(source)):  # whose names often have no suffix
                raise UserError(f"{source}: cannot become {target.name}, which is another kind of file")
            return do(source, target, enlarger, options)
    return _image(source, target, enlarger, options)


def is_known(path: Path) -> bool:
    """Whether it is a file that we read: by its name, or of DICOM, which often has no suffix, by what it holds."""
    return path.is_file() and (kind_of(path) != "" or dicom.is_dicom(path))


def kind_of(path: Path) -> str:
    """By the name alone; empty for none that we read."""
    name, suffix = path.name.lower(), path.suffix.lower()
    if name.endswith(nifti.SUFFIXES):
        return "volume"
    kinds = {
        "video": video.SUFFIXES,
        "dicom": dicom.SUFFIXES,
        "picture": image.SUFFIXES | animation.SUFFIXES | {".jp2"},
    }
    return next((kind for kind, suffixes in kinds.items() if suffix in suffixes), "")


def target_name(source: Path, added: str = "") -> str:
    """The name of what `source` becomes: JPEG 2000 is read, but not written."""
    stem, suffix = source.stem, source.suffix
    if stem.lower().endswith(".nii"):
        stem, suffix = stem[:-4], source.name[-len(".nii.gz") :]
    if dicom.is_dicom(source) and suffix.lower() not in dicom.SUFFIXES:
        stem, suffix = source.name, ".dcm"
    return f"{stem}{added}{'.tif' if suffix.lower() == '.jp2' else suffix}"


def map_beside(target: Path, suffix: str) -> Path:
    """Where the map of what was invented goes."""
    return target.with_name(f"{target.name}.invented{suffix}")


def maps(target: Path) -> list[Path]:
    """Those that are there."""
    return sorted(target.parent.glob(f"{escape(target.name)}.invented.*"))


def _image(source: Path, target: Path, enlarger: Enlarger, options: Options) -> str:
    _refuse_too_large(source, image.shape(source), enlarger, options)
    pixels, meta = image.read_with_meta(source)
    image.refuse(target, pixels.dtype, pixels.shape[2])
    made, invented = enlarge(enlarger, pixels, meta.alpha, options)
    height, width = made.shape[:2]
    image.write(target, made, meta.enlarged(width, height, width / pixels.shape[1]))
    if invented is not None:
        image.write(map_beside(target, ".png"), invented)
    return ""


def _refuse_too_large(source: Path, shape: tuple[int, ...], enlarger: Enlarger, options: Options, n: int = 1) -> None:
    """Rather than to be killed by the system: `n` images of H W C."""
    if 0 in shape:  # unknown; reading it tells why
        return
    height, width = options.size(shape[0], shape[1], enlarger.scale)
    made = shape[0] * shape[1] * enlarger.scale**2
    # float32 of the network and of what is made of it, as measured, and what the file holds of all
    copies = 9 if options.symmetries or options.uncertainty else 5 if options.back_projections else 3
    needed = (copies * max(made, height * width) * 4 + n * height * width * 4) * shape[2]
    _refuse_beyond(source, needed, "GeoTIFF scenes are enlarged window by window", f"{width}x{height} pixels ")


def _refuse_beyond(source: Path, needed: float, advice: str, what: str = "") -> None:
    free = free_bytes(torch.device("cpu"))
    if needed > free:
        raise UserError(f"{source}: {what}would need {needed / 1e9:.1f} GB of memory, of which {free / 1e9:.1f} are "
                        f"free; {advice}")  # fmt: skip


def _animation(source: Path, target: Path, enlarger: Enlarger, options: Options) -> str:
    _still(source, options)
    if target.suffix.lower() not in (".gif", ".webp", ".png", ".avif"):
        raise UserError(f"{source}: moves, and {target.suffix} does not; name a .gif, .webp or .png")
    clip = animation.read(source)
    n, *shape = clip.frames.shape
    _refuse_too_large(source, tuple(shape), enlarger, options, n)
    frames = _bar(clip.frames, "frame", enlarger)
    animation.write(target, clip, np.stack([enlarge(enlarger, frame, True, options)[0] for frame in frames]))
    return f"{n} frames"


def _dicom(source: Path, target: Path, enlarger: Enlarger, options: Options) -> str:
    frames = dicom.read(source)
    n, *shape = frames.pixels.shape
    _refuse_too_large(source, tuple(shape), enlarger, options, n)
    photo = shape[2] == 3 and frames.dtype == np.uint8
    bounds = (0.0, 255.0) if photo else least_and_most(frames.pixels, frames.dtype)
    made, maps = [], []
    for frame in _bar(frames.pixels, "frame", enlarger):
        sr, invented = enlarge(enlarger, frame, False, options, bounds)
        made.append(sr)
        maps.append(invented)
    height, width = made[0].shape[:2]
    what = enlarger.name if enlarger.network is None else f"the network {enlarger.name}"
    how = f"enlarged from {shape[1]}x{shape[0]} to {width}x{height} pixels by {what}"
    how += ", mean of 8 symmetries" * (options.symmetries or options.uncertainty)
    how += f", {options.back_projections} back-projections" * (options.back_projections > 0)
    dicom.write(target, frames, np.stack(made), how)
    for i, invented in enumerate(maps):
        if invented is not None:
            image.write(map_beside(target, ".png" if n == 1 else f".{i + 1:04d}.png"), invented)
    return ""


def _volume(source: Path, target: Path, enlarger: Enlarger, options: Options) -> str:
    found = nifti.read(source)
    axes = volume.axes(options.axis, found.spacing, found.voxels.shape)
    made = prod(volume.size(found.voxels.shape, axes, options, enlarger.scale)) * found.voxels.shape[3]
    # Of all axes float32 too: the sum, one way and what becomes of it
    _refuse_beyond(source, made * (found.voxels.itemsize + 12 * (len(axes) == 3) + options.uncertainty),
                   "take a smaller --scale")  # fmt: skip
    bounds = least_and_most(found.voxels, found.voxels.dtype)
    voxels, invented = volume.enlarge_volume(enlarger, found.voxels, axes, bounds, options)
    nifti.write(target, found, voxels)
    if invented is not None:
        nifti.write(map_beside(target, ".nii.gz"), found, invented, plain=True)
    return f"slices along {', '.join('xyz'[axis] for axis in axes)}"


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in video.SUFFIXES


def _video(source: Path, target: Path, enlarger: Enlarger, options: Options) -> str:
    _still(source, options)
    clip = video.probe(source)
    _refuse_too_large(source, (clip.height, clip.width, 3), enlarger, options)
    height, width = options.size(clip.height, clip.width, enlarger.scale)
    batch = BATCH if enlarger.device.type == "cuda" else 1

    def made(frames: Iterator[tuple[int, np.ndarray, Any]]) -> Iterator[tuple[int, np.ndarray, Any]]:
        with tqdm(total=len(clip.times), unit="frame", disable=not enlarger.progress, leave=False) as bar:
            while chunk := list(islice(frames, batch)):
                pixels = np.stack([pixels for _, pixels, _ in chunk])
                for (time, _, frame), sr in zip(chunk, enlarge(enlarger, pixels, False, options)[0], strict=True):
                    yield time, sr, frame
                bar.update(len(chunk))

    began = perf_counter()
    count = video.write(target, clip, made, height, width)
    notes = [f"{count} frames", f"{count / (perf_counter() - began):.2f} frames/s"]
    if clip.damaged:
        at = ", ".join(f"{float(time * clip.time_base):.2f}" for time in clip.damaged[:5])
        more = " ..." if len(clip.damaged) > 5 else ""
        notes.append(f"{len(clip.damaged)} damaged ones replaced by their neighbours (at {at}{more} s)")
    return "; ".join([", ".join(notes), *(f"not kept: {what}" for what in clip.dropped)])


def _still(source: Path, options: Options) -> None:
    if options.uncertainty:
        raise UserError(f"{source}: a map of what was invented is made of still images alone; leave out --uncertainty")


def _scene(source: Path, target: Path, enlarger: Enlarger, options: Options) -> str:
    if target.suffix.lower() not in (".tif", ".tiff"):
        raise UserError(f"{source}: a scene becomes a GeoTIFF; name a .tif instead of {target.name}")
    with geotiff.reading(source) as scene, ExitStack() as stack:
        if enlarger.reach_px is None:
            _refuse_too_large(source, (scene.height, scene.width, scene.bands), enlarger, options)
        size = options.size(scene.height, scene.width, enlarger.scale)
        bounds = _bounds(scene, enlarger.progress)
        write_map = None
        if options.uncertainty:  # entered first: it takes its place last
            one = replace(scene, bands=1, dtype=np.dtype(np.uint8), alpha=False, masked=False, own=False)
            write_map = stack.enter_context(geotiff.writing(map_beside(target, ".tif"), one, *size))
        write = stack.enter_context(geotiff.writing(target, scene, *size))
        shape, holes = (scene.height, scene.width), scene.masked or scene.dtype.kind == "f"
        stream.enlarge_windows(enlarger, scene.read, write, shape, bounds, scene.alpha, holes, options, write_map)
    return ""


def _bounds(scene: geotiff.Scene, progress: bool) -> tuple[float, float]:
    """Of 8 bits all; of other unsigned ones from 0, of all others from the least, to the most that there is."""
    if scene.dtype == np.uint8:
        return 0.0, 255.0
    low, high, side = np.inf, -np.inf, stream.BLOCK_PX
    corners = [(top, left) for top in range(0, scene.height, side) for left in range(0, scene.width, side)]
    for top, left in tqdm(corners, desc="range", disable=not progress, leave=False):
        part = scene.read(slice(top, min(top + side, scene.height)), slice(left, min(left + side, scene.width)))
        part = part[..., :-1] if scene.alpha else part
        finite = part[np.isfinite(part)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:  # nothing but holes
        return 0.0, 1.0
    return unit_bounds(min(low, 0.0) if scene.dtype.kind == "u" else low, high, scene.dtype)


def _bar(frames: Any, unit: str, enlarger: Enlarger) -> Any:
    return tqdm(frames, unit=unit, disable=not enlarger.progress or len(frames) < 2, leave=False)
