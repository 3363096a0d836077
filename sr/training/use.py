"""What Lightning does with a trained system: enlarge, test, predict, load from a checkpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from torch import Tensor
from typing_extensions import Self, override

from sr.config import module_of, targets
from sr.errors import UserError, reason

from .validation import Validation

# What a checkpoint may name: constructors of parts of a system, nothing that reads, writes or runs.
PARTS = ("sr.training.", "sr.generators.", "sr.discriminators.", "sr.losses.", "sr.degradations.", "sr.metrics.",
         "sr.backbones.", "torch.optim.")  # fmt: skip


class Use(pl.LightningModule):
    """The averaged generator at work, whatever trains it."""

    generator_ema: torch.nn.Module
    validation: Validation

    @override
    def forward(self, lr: Tensor) -> Tensor:
        """N C H W in [0, 1] to N C sH sW, by the averaged generator."""
        return self.generator_ema(lr)

    def validation_step(self, batch: dict[str, Any], batch_idx: int, dataloader_idx: int = 0) -> Any:
        self.validation.go_to(dataloader_idx)
        counted = batch.get("counted", True)
        return self.validation.update(self.generator_ema, *self.pair(batch)) if counted else None

    def on_test_start(self) -> None:
        self.validation.of_bicubic.clear()  # those of the validation images

    def on_test_end(self) -> None:
        self.validation.of_bicubic.clear()

    def test_step(self, batch: dict[str, Any], batch_idx: int, dataloader_idx: int = 0) -> None:
        self.validation_step(batch, batch_idx, dataloader_idx)

    def on_test_epoch_end(self) -> None:
        row = {name.replace("val/", "test/", 1): value for name, value in self.compute_row().items()}
        self.log_dict(row)

    def predict_step(self, batch: Tensor | Mapping[str, Any], batch_idx: int, dataloader_idx: int = 0) -> Tensor:
        """What is made of lr images: N C sH sW in [0, 1].

        Args:
            batch: N C H W in [0, 1], or what a data module yields, with or without lr.
        """
        lr = batch if isinstance(batch, Tensor) else self.pair(dict(batch))[0]
        return self(lr).clamp(0, 1)

    def compute_row(self) -> dict[str, float]:
        """Means over the images of all sets seen, as `Validation.compute_row` names them."""
        data = getattr(self.trainer, "datamodule", None)
        return self.validation.compute_row([images.name for images in getattr(data, "validations", ())])

    def pair(self, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """(lr, hr) of a batch."""
        raise NotImplementedError

    @classmethod
    @override
    def load_from_checkpoint(  # type: ignore[override]
        cls, checkpoint_path: str | Path, map_location: Any = "cpu", *, allow: tuple[str, ...] = (), **changed: Any
    ) -> Self:
        """The system of a checkpoint that `python -m sr.train` has written, built anew with its weights.

        Args:
            checkpoint_path: such as outputs/NAME/TIME/checkpoints/best.ckpt.
            map_location: where the weights go.
            allow: packages of your own that the run's configuration names.
            changed: arguments of the system that take other values.

        Raises:
            UserError: no such checkpoint, one that does not say what it was built of, or that names other things.
        """
        from hydra.utils import instantiate

        try:
            checkpoint = torch.load(checkpoint_path, map_location=map_location, weights_only=True)
            state = checkpoint["state_dict"]
        except Exception as error:  # whatever a damaged or a stranger's file makes of it
            raise UserError(f"{checkpoint_path}: not a checkpoint that can be read ({reason(error)})") from error
        parts = checkpoint.get("hyper_parameters") or {}
        if "_target_" not in parts:
            raise UserError(f"{checkpoint_path}: does not say what it was built of; build the system as it was and "
                            "give it state_dict, or take python -m sr.train resume=")  # fmt: skip
        kept = {key: value for key, value in parts.items() if key not in changed}
        config = OmegaConf.create(kept, flags={"allow_objects": True})
        for target in targets(OmegaConf.to_container(config, resolve=True)):
            if not _is_part(target) and not target.startswith(tuple(f"{name}." for name in allow)):
                raise UserError(f"{checkpoint_path}: names {target}, which is none of our parts; allow=(PACKAGE,) lets "
                                "yours be built")  # fmt: skip
        system = instantiate(config, **changed)
        if not isinstance(system, cls):
            raise UserError(f"{checkpoint_path}: of a {type(system).__name__}, not of a {cls.__name__}")
        system.load_state_dict(state)
        system.save_hyperparameters(parts, logger=False)
        return system.to(map_location).eval()


def _is_part(target: str) -> bool:
    """Whether that is defined by our parts."""
    if not target.startswith(PARTS):
        return False
    try:
        return module_of(target).startswith(PARTS)
    except Exception:  # whatever looking for a stranger's words makes of them
        return False
