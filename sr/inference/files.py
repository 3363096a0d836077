"""From file to file: each kind of file is read, enlarged and written in its own way."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from sr.errors import UserError
from sr.formats import geotiff, image

from . import stream
from .memory import free_bytes
from .models import Enlarger
from .pixels import Options, enlarge, unit_bounds

SUFFIXES = image.SUFFIXES | {".jp2"}


def enlarge_file(source: Path, target: Path, enlarger: Enlarger, options: Options) -> str:
    """Enlarge whatever `source` is into `target`, with all that it says of itself.

    Returns:
        What there is to say of it, often nothing.

    Raises:
        UserError: in one sentence: why not.
    """
    if geotiff.is_scene(source):
        return _scene(source, target, enlarger, options)
    return _image(source, target, enlarger, options)


def is_known(path: Path) -> bool:
    """Whether the name is that of a file we read; of DICOM, which often has no suffix, the content."""
    return path.is_file() and path.suffix.lower() in SUFFIXES


def target_name(source: Path, added: str = "") -> str:
    """The name of what `source` becomes: JPEG 2000 is read, but not written."""
    stem, suffix = source.stem, source.suffix
    return f"{stem}{added}{'.tif' if suffix.lower() == '.jp2' else suffix}"


def map_beside(target: Path, suffix: str) -> Path:
    """Where the map of what was invented goes."""
    return target.with_name(f"{target.name}.invented{suffix}")


def _image(source: Path, target: Path, enlarger: Enlarger, options: Options) -> str:
    pixels, meta = image.read_with_meta(source)
    _refuse_too_large(source, pixels, enlarger, options)
    made, invented = enlarge(enlarger, pixels, meta.alpha, options)
    if invented is not None:
        image.write(map_beside(target, ".png"), invented)
    height, width = made.shape[:2]
    image.write(target, made, meta.enlarged(width, height, width / pixels.shape[1]))
    return ""


def _refuse_too_large(source: Path, pixels: np.ndarray, enlarger: Enlarger, options: Options) -> None:
    height, width = options.size(pixels.shape[0], pixels.shape[1], enlarger.scale)
    made = pixels.shape[0] * pixels.shape[1] * enlarger.scale**2
    needed = (2 * max(made, height * width) + height * width) * pixels.shape[2] * 4  # float32, and what comes of it
    free = free_bytes(enlarger.device.__class__("cpu"))
    if needed > free:
        raise UserError(f"{source}: {width}x{height} pixels would need {needed / 1e9:.1f} GB of memory, of which "
                        f"{free / 1e9:.1f} are free; store it as a .tif with its place on earth: such "
                        "scenes are enlarged window by window")  # fmt: skip


def _scene(source: Path, target: Path, enlarger: Enlarger, options: Options) -> str:
    with geotiff.reading(source) as scene, ExitStack() as stack:
        size = options.size(scene.height, scene.width, enlarger.scale)
        bounds = _bounds(scene, enlarger.progress)
        write = stack.enter_context(geotiff.writing(target, scene, *size))
        write_map = None
        if options.uncertainty:
            one = replace(scene, bands=1, dtype=np.dtype(np.uint8), alpha=False, masked=False)
            write_map = stack.enter_context(geotiff.writing(map_beside(target, ".tif"), one, *size))
        shape = scene.height, scene.width
        stream.enlarge_windows(enlarger, scene.read, write, shape, bounds, scene.alpha, options, write_map)
    return ""


def _bounds(scene: geotiff.Scene, progress: bool) -> tuple[float, float]:
    """Of 8 bits all; of others from 0, or the least where that is below, to the most that there is."""
    if scene.dtype == np.uint8:
        return 0.0, 255.0
    low, high = np.inf, -np.inf
    rows = max(stream.WINDOW_PX**2 // scene.width, 1)
    for top in tqdm(range(0, scene.height, rows), desc="range", disable=not progress, leave=False):
        part = scene.read(slice(top, min(top + rows, scene.height)), slice(0, scene.width))
        part = part[..., :-1] if scene.alpha else part
        finite = part[np.isfinite(part)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:  # nothing but holes
        return 0.0, 1.0
    return unit_bounds(min(low, 0.0) if scene.dtype.kind == "u" else low, high, scene.dtype)
