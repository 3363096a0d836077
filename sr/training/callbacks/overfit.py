"""Training on one batch alone, to see whether it can be learnt by heart."""

from typing import Any

import pytorch_lightning as pl


class Overfit(pl.Callback):
    """Puts the first batch in the place of every later one."""

    def __init__(self) -> None:
        self.first: dict[str, Any] = {}

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, *_: Any) -> None:
        self.first = self.first or dict(batch)
        batch.update(self.first)
