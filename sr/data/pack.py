"""Images decoded once into one memory-mapped file, so that training never decodes."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from sr import formats
from sr.errors import UserError
from sr.formats import File, Unreadable, database, nodata
from sr.image.color import FULL_SWING
from sr.image.range import Range
from sr.image.resize import imresize

from .notes import say_skipped

Array = np.ndarray[Any, np.dtype[Any]]
VERSION = 3  # of the layout: part of the cache key
ALIGNED_BYTES = 16  # where an image begins


class Frame(NamedTuple):
    """One image of a file.

    Args:
        pixels: H W C, stored values; missing pixels are filled.
        values: those that are seen as 0 and 1.
        slope, intercept: unit of the file = slope * stored value + intercept; one a channel.
    """

    pixels: Array
    values: Range
    slope: tuple[float, ...]
    intercept: tuple[float, ...]

    @property
    def in_units(self) -> Range:
        """The range in the unit of the file."""
        return self.values.scaled(self.slope, self.intercept)


class Pack:
    """A sequence of images H W C, each of its own type, and each a view into one memory-mapped file.

    A pack pickles as its path, so that loader workers map the file instead of copying it.

    Args:
        folder: as `build` made it.
        keep: numbers of the images to show; all by default.
        in_units: range of each image, in the unit of its file, instead of those that `build` found.
    """

    def __init__(self, folder: Path, keep: list[int] | None = None, in_units: dict[int, Range] | None = None) -> None:
        self.folder = Path(folder)
        index = json.loads((self.folder / "index.json").read_text())
        self.skipped: list[str] = index["skipped"]
        self._data = np.memmap(self.folder / "pixels.bin", np.uint8, mode="r")
        self._keep = list(range(len(index["images"]))) if keep is None else keep
        self._images: list[dict[str, Any]] = [index["images"][i] for i in self._keep]
        self._in_units = in_units or {}
        self.names: list[str] = [image["name"] for image in self._images]
        self.groups: list[str] = [image["group"] for image in self._images]
        self.shapes: list[tuple[int, int, int]] = [tuple(image["shape"]) for image in self._images]
        self.ranges = [self._range(i, image) for i, image in zip(self._keep, self._images, strict=True)]

    def _range(self, i: int, image: dict[str, Any]) -> Range:
        if i in self._in_units:
            return self._in_units[i].unscaled(image["slope"], image["intercept"])
        return Range(tuple(image["low"]), tuple(image["high"]), image["how"])

    def keep(self, numbers: list[int]) -> "Pack":
        """A view that shows these images alone."""
        return Pack(self.folder, [self._keep[i] for i in numbers], self._in_units)

    def seen_as(self, other: "Pack") -> "Pack":
        """The same images in the ranges of their partners, where these are not those of a type."""
        found: dict[int, Range] = {}
        for k, i in enumerate(self._keep):
            mine, theirs = self.frame(k), other.frame(k)
            if theirs.values.how != "type" or mine.pixels.dtype == theirs.pixels.dtype:
                found[i] = theirs.in_units
        return Pack(self.folder, self._keep, found)

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, i: int) -> Array:
        shape, image = self.shapes[i], self._images[i]
        dtype, start = np.dtype(image["dtype"]), image["start"]
        nbytes = shape[0] * shape[1] * shape[2] * dtype.itemsize
        return np.asarray(self._data[start : start + nbytes]).view(dtype).reshape(shape)

    def frame(self, i: int) -> Frame:
        return Frame(self[i], self.ranges[i], tuple(self._images[i]["slope"]), tuple(self._images[i]["intercept"]))

    def __reduce__(self) -> tuple[type, tuple[Path, list[int], dict[int, Range]]]:
        return Pack, (self.folder, self._keep, self._in_units)


def build(
    files: Sequence[Path],
    root: Path,
    cache: Path,
    *,
    channels: int,
    minimum_px: int,
    values: Range | None = None,
    sizes: Sequence[float] = (1,),
) -> Pack:
    """Decode `files` into a pack under `cache`, or open the one that is there already.

    The cache key is what the folder holds: names, sizes and times of the files, and the arguments. The pack is built
    beside its place and moved there whole, so that a killed or a second builder leaves nothing broken.

    Args:
        files: images under `root`; of several frames or slices each is an image.
        channels: of the images; gray, RGB and RGBA are converted to 1 or 3, other files are skipped.
        minimum_px: shortest side; smaller images are skipped.
        values: that networks see as 0 and 1, in the unit of the files; by default each file's own.
        sizes: in which each image is kept, as factors of its sides up to 1, shrunk by MATLAB's bicubic.

    Raises:
        UserError: no image is left, with the reasons.
    """
    options: list[Any] = [VERSION, channels, minimum_px, values and [values.low, values.high]]
    key = _key(files, root, options if list(sizes) == [1] else [*options, list(sizes)])
    target = Path(cache).expanduser() / f"{root.resolve().name}-{key}"
    if not (target / "index.json").exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
        try:
            _write(building, files, root, _decoded(files, root, channels, minimum_px, values, sizes))
            building.chmod(0o755)  # mkdtemp makes it private; a cache may be shared
            try:
                os.rename(building, target)
            except OSError:  # somebody else was faster; theirs is the same
                if not (target / "index.json").exists():
                    raise
        finally:
            shutil.rmtree(building, ignore_errors=True)
    pack = Pack(target)
    with suppress(OSError):  # somebody else's, in a shared cache
        os.utime(target)  # when it was last used, by which `python -m sr.data clean` knows old ones
    say_skipped(pack.skipped)
    return pack


def to_channels(pixels: Array, channels: int) -> Array | None:
    """Gray, RGB and RGBA to 1 or 3 channels (alpha is dropped); None where there is no such conversion."""
    have = pixels.shape[2]
    if have == channels:
        return pixels
    if channels == 3 and have in (1, 2):
        return np.repeat(pixels[..., :1], 3, axis=2)
    if channels in (1, 3) and have == 4:
        pixels, have = pixels[..., :3], 3
    if have == channels:
        return pixels
    if channels == 1 and have in (2, 3):
        gray = pixels[..., :1] if have == 2 else pixels @ np.array(FULL_SWING)[:, None]
        return (np.floor(gray + 0.5) if pixels.dtype.kind in "ui" else gray).astype(pixels.dtype)
    return None


def frames_of(file: File, channels: int | None) -> Iterator[Frame]:
    """The images of a file, with `channels` channels or as they are; of animations and clips the first frame.

    Raises:
        UserError: it cannot be read, has no such channels, or holds labels.
    """
    if file.labels:
        raise Unreadable(f"{file.path}: labels ({file.labels}), which cannot be interpolated")
    for i, stored in enumerate(islice(file.frames(), 1) if file.moves else file.frames()):
        values, slopes, intercepts = file.range_of(i), file.slope, file.intercept
        have = stored.shape[2]
        wanted = channels or have
        rgb = file.colours
        if rgb and wanted in (1, 3) and (have, rgb) != (3, (0, 1, 2)):  # red, green and blue, in this order
            stored, values, have = stored[..., rgb], values.of_channels(rgb), 3
            slopes, intercepts = (tuple(v[c] for c in rgb) if len(v) > 1 else v for v in (slopes, intercepts))
        pixels = to_channels(stored, wanted)
        bands = have in (2, 4) and not (file.alpha or file.colours)  # the last of them is a band, not transparency
        unlike = wanted == 1 and have > 2 and len(set(zip(values.low[:3], values.high[:3], strict=True))) > 1
        if pixels is None or (have != wanted and (bands or unlike)):
            raise Unreadable(f"{file.path}: {have} channels, {wanted} are needed")
        which = range(wanted) if have >= wanted else [0] * wanted
        slope, intercept = (tuple(v[c] if len(v) > 1 else v[0] for c in which) for v in (slopes, intercepts))
        values = values.of_channels(which)
        yield Frame(_filled(pixels, values), values, slope, intercept)


def seen(pixels: Array, values: Range) -> Tensor:
    """C H W as networks see H W C: bytes of 8-bit pictures, which become float on the device, or float in [0, 1]."""
    if pixels.dtype == np.uint8 and values.is_of_bytes:
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy())
    return torch.from_numpy(values.to_unit(pixels).clip(0, 1).transpose(2, 0, 1).copy())


def _filled(pixels: Array, values: Range) -> Array:
    """Missing pixels filled as they are for enlarging."""
    if pixels.dtype.kind != "f" or np.isfinite(pixels).all():
        return pixels
    unit = torch.from_numpy(values.to_unit(pixels)).permute(2, 0, 1)[None]
    return values.from_unit(nodata.filled(unit, ~unit.isfinite()), pixels.dtype)[0]


def _shrunk(frame: Frame, factor: float) -> Frame:
    """The same image, smaller: stored values, rounded where they are integers."""
    pixels = frame.pixels
    image = torch.from_numpy(pixels.astype(np.float64)).permute(2, 0, 1)
    small = imresize(image, factor).permute(1, 2, 0).numpy()
    if pixels.dtype.kind in "ui":
        info = np.iinfo(pixels.dtype)
        small = np.floor(small + 0.5).clip(info.min, info.max)
    return frame._replace(pixels=small.astype(pixels.dtype))


def _key(files: Sequence[Path], root: Path, options: list[Any]) -> str:
    held = [(f, database.status(f)) for f in files]
    listing = [[str(f.relative_to(root)), on_disk.st_size, on_disk.st_mtime_ns] for f, on_disk in held]
    return hashlib.sha256(json.dumps([options, str(root.resolve()), listing]).encode()).hexdigest()[:16]


def _write(
    folder: Path, files: Sequence[Path], root: Path, decoded: Iterator[tuple[dict[str, Any], Array] | str]
) -> None:
    skipped: list[str] = []
    images: list[dict[str, Any]] = []
    with open(folder / "pixels.bin", "wb") as target:
        for made in decoded:
            if isinstance(made, str):
                skipped.append(made)
                continue
            about, pixels = made
            target.write(b"\0" * (-target.tell() % ALIGNED_BYTES))
            images.append(about | {"start": target.tell()})
            target.write(np.ascontiguousarray(pixels).data)  # not tofile, whose errors do not say why
    if not images:
        reasons = "; ".join(skipped[:5])
        raise UserError(f"{root}: none of {len(files)} images can be used ({reasons})")
    (folder / "index.json").write_text(json.dumps({"images": images, "skipped": skipped}))


def _decoded(
    files: Sequence[Path], root: Path, channels: int, minimum_px: int, given: Range | None, sizes: Sequence[float]
) -> Iterator[tuple[dict[str, Any], Array] | str]:
    """What the index says of an image, and its pixels; or why there is none. Decoders run beside each other."""

    def decode(path: Path) -> list[tuple[dict[str, Any], Array] | str]:
        name = str(path.relative_to(root))
        made: list[tuple[dict[str, Any], Array] | str] = []
        try:
            with formats.open(path, given) as file:
                n, height, width, _ = file.shape
                large = [factor for factor in sizes if ceil(factor * min(height, width)) >= minimum_px]
                if height and width and not large:
                    return [f"{path}: {width}x{height} is smaller than the {minimum_px / max(sizes):.0f} pixels needed"]
                for i, frame in enumerate(frames_of(file, channels)):
                    for factor in large:
                        pixels, values, slope, intercept = frame if factor == 1 else _shrunk(frame, factor)
                        which = "" if n == 1 or file.moves else f"[{i}]"
                        about = {
                            "name": f"{name}{which}" + ("" if factor == 1 else f" x{factor:g}"), "group": file.group,
                            "shape": pixels.shape, "dtype": str(pixels.dtype), "low": values.low, "high": values.high,
                            "how": values.how, "slope": slope, "intercept": intercept,
                        }  # fmt: skip
                        made.append((about, np.ascontiguousarray(pixels)))
        except UserError as error:
            return [*made, str(error)]
        return made

    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        # Submitted in slices, so that decoded images do not pile up before the writer.
        progress = tqdm(total=len(files), desc=f"packing {root.name}", unit="image", disable=None, leave=False)
        for start in range(0, len(files), 4 * workers):
            for found in pool.map(decode, files[start : start + 4 * workers]):
                progress.update()
                yield from found
        progress.close()
