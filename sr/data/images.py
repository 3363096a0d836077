"""Whole images for validation and tests: an HR image and the LR image that was, or is here, made of it."""

from collections.abc import Sequence
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
        self.names = [Path(file).stem for file in (hr.names if isinstance(hr, Pack) else hr)]

    def __len__(self) -> int:
        return len(self.hr)

    def __getitem__(self, i: int) -> dict[str, Any]:
        s = self.scale
        hr = self._read(self.hr[i])
        height, width = hr.shape[1] // s * s, hr.shape[2] // s * s
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


def benchmark(root: str | Path | None, name: str, scale: int, channels: int | None = 3) -> Images:
    """The benchmark set `name` (case ignored), in `root/<Set>/{HR,LR}_x<scale>/`.

    Raises:
        MissingError: no root, no such set or no such scale.
    """
    if root is None:
        raise MissingError(f"{name}: no benchmark folder; set SR_BENCHMARKS or data.benchmarks to the folder "
                                "that holds <Set>/HR_x4 and <Set>/LR_x4")  # fmt: skip
    sets = {path.name.lower(): path for path in Path(root).expanduser().glob("*") if path.is_dir()}
    if name.lower() not in sets:
        raise MissingError(f"{name}: not in {root}, which holds {sorted(p.name for p in sets.values())}")
    folder = sets[name.lower()]
    if not (folder / f"HR_x{scale}").is_dir():
        raise MissingError(f"{folder} has no HR_x{scale}; it has {sorted(p.name for p in folder.iterdir())}")
    hr = find(folder / f"HR_x{scale}")
    lr = [folder / f"LR_x{scale}" / path.name for path in hr] if (folder / f"LR_x{scale}").is_dir() else None
    return Images(folder.name, hr, lr, scale, channels)
