"""Images decoded once into one memory-mapped file, so that training never decodes."""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from tqdm import tqdm

from sr.errors import UserError
from sr.formats import image as formats

Array = np.ndarray[Any, np.dtype[Any]]
VERSION = 1  # of the layout: part of the cache key


class Pack:
    """A sequence of images H W C of one depth, each a view into one memory-mapped file.

    A pack pickles as its path, so that loader workers map the file instead of copying it.

    Args:
        folder: as `build` made it.
        keep: numbers of the images to show; all by default.
    """

    def __init__(self, folder: Path, keep: list[int] | None = None) -> None:
        self.folder = Path(folder)
        index = json.loads((self.folder / "index.json").read_text())
        self.skipped: list[str] = index["skipped"]
        self.dtype = np.dtype(index["dtype"])
        ends = np.cumsum([0, *(np.prod(shape) for shape in index["shapes"])])
        self._data = np.memmap(self.folder / "pixels.bin", self.dtype, mode="r", shape=(int(ends[-1]),))
        self._keep = list(range(len(index["names"]))) if keep is None else keep
        self._starts = [int(ends[i]) for i in self._keep]
        self.names: list[str] = [index["names"][i] for i in self._keep]
        self.shapes: list[tuple[int, int, int]] = [tuple(index["shapes"][i]) for i in self._keep]

    def keep(self, numbers: list[int]) -> "Pack":
        """A view that shows these images alone."""
        return Pack(self.folder, [self._keep[i] for i in numbers])

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, i: int) -> Array:
        shape, start = self.shapes[i], self._starts[i]
        return np.asarray(self._data[start : start + shape[0] * shape[1] * shape[2]]).reshape(shape)

    def __reduce__(self) -> tuple[type, tuple[Path, list[int]]]:
        return Pack, (self.folder, self._keep)


def build(
    files: Sequence[Path], root: Path, cache: Path, *, channels: int, minimum_px: int, depth: str | None = None
) -> Pack:
    """Decode `files` into a pack under `cache`, or open the one that is there already.

    The cache key is what the folder holds: names, sizes and times of the files, and the arguments. The pack is built
    beside its place and moved there whole, so that a killed or a second builder leaves nothing broken.

    Args:
        files: images under `root`.
        channels: of the images; gray, RGB and RGBA are converted to 1 or 3, other files are skipped.
        minimum_px: shortest side; smaller images are skipped.
        depth: uint8 or uint16; by default that of most files. Files of another depth are skipped.

    Raises:
        UserError: no image is left, with the reasons.
    """
    key = _key(files, root, [VERSION, channels, minimum_px, depth])
    target = Path(cache).expanduser() / f"{root.resolve().name}-{key}"
    if not (target / "index.json").exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
        try:
            _write(building, files, root, channels, minimum_px, depth)
            building.chmod(0o755)  # mkdtemp makes it private; a cache may be shared
            try:
                os.rename(building, target)
            except OSError:  # somebody else was faster; theirs is the same
                if not (target / "index.json").exists():
                    raise
        finally:
            shutil.rmtree(building, ignore_errors=True)
    pack = Pack(target)
    for reason in pack.skipped:
        print(f"skipped {reason}", file=sys.stderr)
    return pack


def find(root: str | Path) -> list[Path]:
    """Image files under `root`, sorted, hidden ones left out.

    Raises:
        UserError: no such folder, or no image in it.
    """
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise UserError(f"{root} is not a folder; name one that holds images")
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in formats.SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not files:
        raise UserError(f"{root} holds no image; {', '.join(sorted(formats.SUFFIXES))} are read")
    return files


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
        gray = pixels[..., :1] if have == 2 else pixels @ np.array([[0.299], [0.587], [0.114]])
        return np.floor(gray + 0.5).astype(pixels.dtype)
    return None


def _key(files: Sequence[Path], root: Path, options: list[Any]) -> str:
    listing = [[str(f.relative_to(root)), f.stat().st_size, f.stat().st_mtime_ns] for f in files]
    return hashlib.sha256(json.dumps([options, str(root.resolve()), listing]).encode()).hexdigest()[:16]


def _write(folder: Path, files: Sequence[Path], root: Path, channels: int, minimum_px: int, depth: str | None) -> None:
    skipped: list[str] = []
    # One file a depth, for only at the end is it known which depth most images have.
    outputs: dict[str, tuple[BinaryIO, list[str], list[Any]]] = {}
    with ExitStack() as opened:
        for each in ("uint8", "uint16"):
            outputs[each] = (opened.enter_context(open(folder / f"{each}.bin", "wb")), [], [])
        for name, pixels, reason in _decoded(files, root, channels, minimum_px):
            if pixels is None:
                skipped.append(reason)
                continue
            file, kept_names, kept_shapes = outputs[str(pixels.dtype)]
            pixels.tofile(file)
            kept_names.append(name)
            kept_shapes.append(pixels.shape)
    dtype = depth or max(outputs, key=lambda d: len(outputs[d][1]))
    if not outputs[dtype][1]:
        reasons = "; ".join(skipped[:5]) or f"none is {depth}"
        raise UserError(f"{root}: none of {len(files)} images can be used ({reasons})")
    _, names, shapes = outputs[dtype]
    for other, (_, odd, _) in outputs.items():
        if other != dtype:
            skipped += [f"{root / name}: {other}, while most images are {dtype}" for name in odd]
            (folder / f"{other}.bin").unlink()
    (folder / f"{dtype}.bin").rename(folder / "pixels.bin")
    index = {"names": names, "shapes": shapes, "skipped": skipped, "dtype": dtype}
    (folder / "index.json").write_text(json.dumps(index))


def _decoded(
    files: Sequence[Path], root: Path, channels: int, minimum_px: int
) -> Iterator[tuple[str, Array | None, str]]:
    """(name, pixels or None, reason), in the order of `files`; decoders run beside each other."""

    def decode(path: Path) -> tuple[str, Array | None, str]:
        name = str(path.relative_to(root))
        try:
            pixels = formats.read(path)
        except formats.UnreadableImage as error:
            return name, None, str(error)
        height, width, have = pixels.shape
        if min(height, width) < minimum_px:
            return name, None, f"{path}: {width}x{height} is smaller than the {minimum_px} pixels needed"
        converted = to_channels(pixels, channels)
        if converted is None:
            return name, None, f"{path}: {have} channels, {channels} are needed"
        return name, np.ascontiguousarray(converted), ""

    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        # Submitted in slices, so that decoded images do not pile up before the writer.
        progress = tqdm(total=len(files), desc=f"packing {root.name}", unit="image", disable=None, leave=False)
        for start in range(0, len(files), 4 * workers):
            for item in pool.map(decode, files[start : start + 4 * workers]):
                progress.update()
                yield item
        progress.close()
