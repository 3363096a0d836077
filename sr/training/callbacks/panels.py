"""Pictures to look at while a run goes on: LR, bicubic, SR and HR beside each other."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import WandbLogger
from torch import Tensor

from sr.judge import cells
from sr.judge.panel import crops, panel


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
        picture = panel(self.rows, ["SR"])
        cells.save(picture, self.folder / f"step_{trainer.global_step:08d}.png")
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_image("samples", [picture], step=trainer.global_step)
