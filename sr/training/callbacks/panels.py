"""Pictures to look at while a run goes on: LR, bicubic, SR and HR beside each other."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from PIL import Image, ImageDraw
from pytorch_lightning.loggers import WandbLogger
from torch import Tensor

from sr.image.resize import imresize

HEADER_PX, GAP_PX = 18, 4


class Panels(pl.Callback):
    """At each validation, one PNG with a row for each of the first images, to disk and to W&B.

    Args:
        folder: for `step_00001000.png`.
        images: at most this many rows.
        crop_px: side of the square cut from the middle of each image, in hr pixels.
    """

    def __init__(self, folder: str, images: int = 4, crop_px: int = 160) -> None:
        self.folder, self.images, self.crop_px = Path(folder), images, crop_px
        self.rows: list[list[Tensor]] = []

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.rows = []

    def on_validation_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, *_: Any) -> None:
        if trainer.is_global_zero and len(self.rows) < self.images:
            lr, sr, hr = (outputs[side][0] for side in ("lr", "sr", "hr"))
            self.rows.append(crops(lr, [sr], hr, self.crop_px))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not self.rows:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        picture = panel(self.rows, ["SR"])
        picture.save(self.folder / f"step_{trainer.global_step:08d}.png")
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_image("samples", [picture], step=trainer.global_step)


def crops(lr: Tensor, srs: list[Tensor], hr: Tensor, crop_px: int) -> list[Tensor]:
    """LR by nearest neighbour, bicubic, all `srs`, HR: the same square from the middle, each C P P in [0, 1]."""
    s = hr.shape[-1] // lr.shape[-1]
    nearest = lr.repeat_interleave(s, -1).repeat_interleave(s, -2)
    side = min(crop_px, *hr.shape[-2:])
    top, left = ((size - side) // 2 // s * s for size in hr.shape[-2:])
    images = (nearest, imresize(lr, s), *srs, hr)
    return [image[:, top : top + side, left : left + side].clamp(0, 1).cpu() for image in images]


def panel(rows: list[list[Tensor]], names: list[str]) -> Image.Image:
    """A grid of what `crops` returns, under titles; `names` are those of the srs.

    Bands beyond three show as their first three, fewer than three as the first.
    """
    height = HEADER_PX + sum(row[0].shape[-2] + GAP_PX for row in rows)
    width = max(sum(cell.shape[-1] + GAP_PX for cell in row) for row in rows)
    canvas = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(canvas)
    top = HEADER_PX
    for row in rows:
        left = 0
        for title, cell in zip(["LR", "bicubic", *names, "HR"], row, strict=True):
            visible = cell[:3] if cell.shape[0] >= 3 else cell[:1].expand(3, -1, -1)
            pixels = (visible * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
            canvas.paste(Image.fromarray(pixels), (left, top))
            if top == HEADER_PX:
                draw.text((left + 4, 3), title, fill="black")
            left += cell.shape[-1] + GAP_PX
        top += row[0].shape[-2] + GAP_PX
    return canvas
