"""Whole images for validation and tests: an HR image and the LR image that was, or is here, made of it."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from sr.errors import MissingError, UserError
from sr.formats import image as formats
from sr.resize import imresize_uint8

from .pack import Array, Pack, find, to_channels

Source = Sequence[Path] | Pack


class Images(Dataset[dict[str, Any]]):
    """Item i is {"name", "lr": C H W, "hr": C sH sW}, raw integers of the files.

    Args:
        name: of the set.
        hr: images, as files or as a pack; cropped to a multiple of the scale where necessary.
        lr: images in the same order, or None to make each by the exact bicubic of the benchmarks.
        scale: between the two.
        channels: 3 expands gray files to RGB, as the tables of deep networks do; 1 takes luma; None leaves files as
            they are, as the bicubic row of the classic tables does.
    """

    def __init__(self, name: str, hr: Source, lr: Source | None, scale: int, channels: int | None = 3) -> None:
        self.name, self.hr, self.lr, self.scale, self.channels = name, hr, lr, scale, channels
        files = [Path(file) for file in (hr.names if isinstance(hr, Pack) else hr)]
        self.names = [file.stem for file in files]
        if len(set(self.names)) < len(files):  # the same name in two folders, or with two suffixes
            above = os.path.commonpath([file.parent for file in files])
            self.names = [file.relative_to(above).as_posix() for file in files]

    def __len__(self) -> int:
        return len(self.hr)

    def __getitem__(self, i: int) -> dict[str, Any]:
        s = self.scale
        hr = self._read(self.hr[i])
        height, width = hr.shape[1] // s * s, hr.shape[2] // s * s
        if not height or not width:
            raise UserError(f"{self.name}/{self.names[i]}: HR is {hr.shape[2]}x{hr.shape[1]}, smaller than a pixel of "
                            f"LR at scale {s}")  # fmt: skip
        hr = hr[:, :height, :width]
        lr = imresize_uint8(hr, 1 / s) if self.lr is None else self._read(self.lr[i])
        if lr.shape[1:] != (height // s, width // s):
            raise UserError(f"{self.name}/{self.names[i]}: LR is {lr.shape[2]}x{lr.shape[1]}, "
                             f"HR {width}x{height} at scale {s} needs {width // s}x{height // s}")  # fmt: skip
        return {"name": self.names[i], "lr": lr, "hr": hr}

    def _read(self, image: Path | Array) -> torch.Tensor:
        pixels = formats.read(image) if isinstance(image, Path) else image
        if self.channels is not None:
            converted = to_channels(pixels, self.channels)
            if converted is None:
                raise UserError(f"{image}: {pixels.shape[2]} channels, {self.channels} are needed")
            pixels = converted
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def open_set(which: str | Mapping[str, str], root: str | Path | None, scale: int, channels: int | None = 3) -> Images:
    """The images that `which` names.

    Args:
        which: a folder, either of HR images alone, or with its HR and LR images in `HR_x4` and `LR_x4` (of this
            scale) or `HR` and `LR`; or the name of such a folder in `root`, case ignored; or {"hr": folder,
            "lr": folder}. LR images that are not there are made by the exact bicubic of the benchmarks.
        root: folder of the benchmark sets.
        scale: between LR and HR.
        channels: as in `Images`.

    Raises:
        MissingError: no such folder, set or scale.
        UserError: no images in it.
    """
    if not isinstance(which, str):
        if set(which) != {"hr", "lr"}:
            raise UserError(f"a set is a name, a folder or {{hr: DIR, lr: DIR}}, not {dict(which)}")
        return _paired(Path(which["hr"]).expanduser().resolve().name, which["hr"], which["lr"], scale, channels)
    folder = Path(which).expanduser()
    if not folder.is_dir():
        folder = _in_root(which, root)
    parts = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    name = folder.resolve().name
    for hr, lr in ((f"hr_x{scale}", f"lr_x{scale}"), ("hr", "lr")):
        if hr in parts:
            return _paired(name, parts[hr], parts.get(lr), scale, channels)
    scales = sorted(path.name for part, path in parts.items() if part.startswith("hr_x"))
    if scales:
        raise MissingError(f"{folder} has no HR_x{scale}; it has {scales}")
    return Images(name, find(folder), None, scale, channels)


def _in_root(name: str, root: str | Path | None) -> Path:
    if root is None:
        raise MissingError(f"{name}: no such folder, and no folder of benchmark sets to look in; set SR_BENCHMARKS, "
                           "root or data.benchmarks to the one that holds <Set>/HR_x4 and <Set>/LR_x4 (python -m "
                           "sr.data.download fetches them)")  # fmt: skip
    sets = {path.name.lower(): path for path in Path(root).expanduser().glob("*") if path.is_dir()}
    if name.lower() not in sets:
        raise MissingError(f"{name}: no such folder, and not in {root}, which holds "
                           f"{sorted(path.name for path in sets.values())}")  # fmt: skip
    return sets[name.lower()]


def _paired(name: str, hr: str | Path, lr: str | Path | None, scale: int, channels: int | None) -> Images:
    """An HR image whose partner is missing is kept: reading it will name it."""
    files = find(hr)
    if lr is None:
        return Images(name, files, None, scale, channels)
    root, lr_root = Path(hr).expanduser(), Path(lr).expanduser()
    partners = {partner_stem(str(path.relative_to(lr_root)), scale): path for path in find(lr_root)}
    found: list[Path] = []
    for path in files:
        same = lr_root / path.relative_to(root)
        partner = partners.get(partner_stem(str(path.relative_to(root)), scale), same)
        found.append(same if same.is_file() else partner)
    return Images(name, files, found, scale, channels)


def partner_stem(name: str, scale: int) -> str:
    """What the names of an HR image and of its LR image share: `a/b` of `a/b.png`, `a/bx4.png`, `a/b_x4.jpg`."""
    return re.sub(rf"_?x{scale}$", "", str(Path(name).with_suffix("")))
