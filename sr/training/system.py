"""The LightningModules: what one step does to which network.

One step is one batch is one update of the generator; `global_step` counts that, and so do schedules, checkpoints,
logs and `trainer.max_steps`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn as nn
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.optim import Optimizer

from sr.degradations import pair
from sr.errors import UserError

from .lightning import do_not_count
from .step import Guard, average, cut, update, without_sync
from .validation import Validation
from .watch import Watch

Schedule = Callable[[int], float]
Backward = Callable[[Tensor], None]


class NonFiniteError(UserError):
    """A gradient or loss is no longer finite. The weights are still those before it, and worth a checkpoint."""

    weights_are_good = True


class PixelSystem(pl.LightningModule):
    """The PSNR stage: one network, a content loss, one optimizer; and what every stage shares.

    Args:
        generator: lr (N C H W, in [0, 1]) to sr (N C sH sW).
        degradation: (hr, numbers of the samples) to (lr, hr), on the device; used where a set has no files of lr, in
            training and in validation. See `sr.degradations`.
        content: (sr, hr) to (loss, its named parts).
        optimizer: parameters to optimizer; the schedule sets its learning rate. A fused one never waits for the
            device.
        schedule: step to learning rate.
        metrics: name -> torchmetrics metric of (sr, hr), or of what its `inputs` name, for validation.
        accumulate: equal pieces in which each batch goes through the networks: a large batch in a small memory. Their
            gradients add up to those of the whole batch (but for batch norm, which sees a piece at a time).
        clip_norm: largest gradient norm of a network; None leaves gradients as they are.
        ema_decay: of the exponential moving average of the generator, which is what is validated and kept.
        channels_last: memory format of networks and images; faster for convolutions on most hardware.
        compile: run the trained networks through torch.compile.
        log_every_steps: steps between two rows of the curves.
    """

    trained_networks: tuple[str, ...] = ("generator",)

    def __init__(
        self,
        generator: nn.Module,
        degradation: nn.Module,
        content: nn.Module,
        optimizer: Callable[..., Optimizer],
        schedule: Schedule,
        metrics: Mapping[str, nn.Module],
        accumulate: int = 1,
        clip_norm: float | None = None,
        ema_decay: float = 0.999,
        channels_last: bool = True,
        compile: bool = False,
        log_every_steps: int = 50,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.degradation, self.content = generator, degradation, content
        self.generator_ema = deepcopy(generator).eval().requires_grad_(False)
        self.optimizer, self.schedule = optimizer, schedule
        self.validation, self.guard, self.watch = Validation(metrics), Guard(), Watch()
        self.accumulate, self.clip_norm, self.ema_decay = accumulate, clip_norm, ema_decay
        self.channels_last, self.compiled, self.log_every_steps = channels_last, compile, log_every_steps
        self.about: dict[str, Any] = {}  # what a weights file says of itself; checkpoints say it too

    @property
    def phase(self) -> str:
        """Of the update made last."""
        return "pixel"

    @property
    def phase_ends(self) -> dict[int, str]:
        """Steps at which a phase is over and another begins, and the name of the one that is over."""
        return {}

    # --- one step ---------------------------------------------------------------------------------------------------

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        self.pixel_step(batch)
        average(self.generator_ema, self.generator, self.ema_decay, self.global_step)

    def pixel_step(self, batch: dict[str, Any]) -> None:
        # G: stay close to the target.
        with self.updating("generator", self.schedule(self.global_step)) as (generator, backward):
            for lr, hr in without_sync(generator, self.pieces(batch)):
                loss, parts = self.content(generator(lr), hr)
                backward(loss)
                self.watch.add({f"loss/{name}": value for name, value in parts.items()} | {"loss/generator": loss})

    # --- its parts --------------------------------------------------------------------------------------------------

    def pieces(self, batch: dict[str, Any]) -> list[tuple[Tensor, Tensor]]:
        """A batch as `accumulate` pairs (lr, hr)."""
        size = len(batch["hr"])
        if size % self.accumulate:
            raise UserError(f"a batch of {size} cannot be cut into system.accumulate={self.accumulate} equal pieces")
        return cut(self.pair(batch), self.accumulate)

    def pair(self, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """(lr, hr) of a batch, in [0, 1], on the device, in the networks' memory format."""
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        return pair(batch, self.degradation, self.device, layout)

    @contextmanager
    def updating(self, name: str, learning_rate: float) -> Iterator[tuple[nn.Module, Backward]]:
        """One update of the network `name`; all other trained networks are frozen meanwhile.

        Yields the network to call (wrapped where processes share the work) and the backward for the loss of each
        piece of the batch.
        """
        index = self.trained_networks.index(name)
        optimizer = self.optimizers_in_order()[index]
        network = self.get_submodule(name)
        others = [self.get_submodule(other) for other in self.trained_networks if other != name]

        def apply(norm: Tensor) -> None:
            self.watch.add({f"gradient_norm/{name}": norm})
            if self.guard.check(norm, self.global_step + 1, optimizer.optimizer):
                if index > 0:
                    do_not_count(optimizer)
                optimizer.step()
            else:
                self.read_watched()

        with update(network, others, optimizer.optimizer, learning_rate, self.clip_norm, apply):
            wrapped = getattr(self.trainer.strategy, "wrapped", {}).get(name)
            yield wrapped or network, lambda loss: self.manual_backward(loss / self.accumulate)

    # --- validation -------------------------------------------------------------------------------------------------

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> dict[str, Tensor]:
        return self.validation.update(self.generator_ema, *self.pair(batch))

    def on_validation_start(self) -> None:
        self.watch.pause()

    def on_validation_end(self) -> None:
        self.watch.go_on()

    def on_validation_epoch_end(self) -> None:
        row = {f"val/{name}": value for name, value in self.validation.compute().items()}
        self.log_dict(row, prog_bar=True, logger=False)
        self.write_row(row | {f"val/{name}_bicubic": value for name, value in self.validation.bicubic.items()})

    # --- curves -----------------------------------------------------------------------------------------------------

    def on_train_start(self) -> None:
        self.watch.start(self.global_step)

    def on_train_batch_end(self, outputs: Any, batch: dict[str, Any], batch_idx: int) -> None:
        if self.global_step % self.log_every_steps:
            return
        row = self.read_watched()
        for name, optimizer in zip(self.trained_networks, self.optimizers_in_order(), strict=True):
            row[f"learning_rate/{name}"] = optimizer.param_groups[0]["lr"]
        images = len(batch["hr"]) * self.trainer.world_size
        row["speed/images_per_second"] = images * self.watch.steps_per_second(self.global_step)
        self.watch.start(self.global_step)
        self.log("loss", row["loss/generator"], prog_bar=True, logger=False)
        self.write_row(row)

    def read_watched(self) -> dict[str, float]:
        """Means since the last row, over all processes; the one place that waits for the device.

        Raises:
            NonFiniteError: one of them is NaN or infinite.
        """
        row = self.watch.means(lambda means: self.trainer.strategy.reduce(means, reduce_op="mean"))
        bad = [name for name, value in row.items() if not abs(value) < float("inf")]
        if row and (bad or self.guard.first_bad_step >= 0):
            raise NonFiniteError(
                f"training diverged at step {int(self.guard.first_bad_step)} ({', '.join(bad)} not finite). No "
                "update was applied since; the state before it is kept in checkpoints/last.ckpt. Lower the learning "
                "rate or set system.clip_norm=1, and continue with resume=auto."
            )
        return row

    def write_row(self, row: dict[str, float]) -> None:
        """Send one row to every logger, at the step that counts updates."""
        for logger in self.trainer.loggers:
            logger.log_metrics(row, step=self.global_step)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["about"] = self.about

    # --- set-up -----------------------------------------------------------------------------------------------------

    def configure_optimizers(self) -> list[Optimizer]:
        return [self.optimizer(self.get_submodule(name).parameters()) for name in self.trained_networks]

    def setup(self, stage: str) -> None:
        if self.trainer.precision not in ("32-true", "bf16-mixed"):
            raise UserError(f"trainer.precision={self.trainer.precision}: choose bf16-mixed (fast) or 32-true; half "
                             "precision overflows in a GAN, and pure bf16 loses small updates")  # fmt: skip
        for network in self.children() if self.channels_last else ():  # losses look through networks, too
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for name in self.trained_networks if self.compiled else ():
            self.get_submodule(name).compile()

    def optimizers_in_order(self) -> list[LightningOptimizer]:
        """One for each of `trained_networks`."""
        optimizers = self.optimizers()
        return optimizers if isinstance(optimizers, list) else [optimizers]  # type: ignore[list-item,return-value]


class AdversarialSystem(PixelSystem):
    """SRGAN's training: a pixel phase, then generator against discriminator (arXiv 1609.04802, section 2).

    Args:
        discriminator: images (N C sH sW, in [0, 1]) to logits, or to whatever `adversarial` wants of it.
        adversarial: its loss and the generator's, as sr/losses/adversarial.py says. Their parts are watched under the
            names given.
        adversarial_content: content loss of the adversarial phase.
        adversarial_weight: of the generator's adversarial loss.
        adversarial_schedule: learning rate of the generator in the adversarial phase, by its steps.
        discriminator_schedule: the same for the discriminator.
        pixel_steps: of the pixel phase; 0 where the generator's weights are given.
        ramp_steps: over which the adversarial weight grows linearly.
        options: as in PixelSystem, where `content` and `schedule` are those of the pixel phase.
    """

    trained_networks = ("generator", "discriminator")

    def __init__(
        self,
        discriminator: nn.Module,
        adversarial: Any,
        adversarial_content: nn.Module,
        adversarial_weight: float,
        adversarial_schedule: Schedule,
        discriminator_schedule: Schedule,
        pixel_steps: int,
        ramp_steps: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.discriminator, self.adversarial = discriminator, adversarial
        self.adversarial_content, self.adversarial_weight = adversarial_content, adversarial_weight
        self.adversarial_schedule, self.discriminator_schedule = adversarial_schedule, discriminator_schedule
        self.pixel_steps, self.ramp_steps = pixel_steps, ramp_steps

    @property
    def phase(self) -> str:
        return "pixel" if self.global_step <= self.pixel_steps and self.pixel_steps else "adversarial"

    @property
    def phase_ends(self) -> dict[int, str]:
        return {self.pixel_steps: "pixel"} if self.pixel_steps else {}

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        if self.global_step < self.pixel_steps:
            self.pixel_step(batch)
        else:
            self.adversarial_step(batch, self.global_step - self.pixel_steps)
        average(self.generator_ema, self.generator, self.ema_decay, self.global_step)

    def adversarial_step(self, batch: dict[str, Any], step: int) -> None:
        weight = self.adversarial_weight * min((step + 1) / (self.ramp_steps + 1), 1.0)
        pairs = self.pieces(batch)
        made = []

        # G: stay close to the target and raise D's logits on what it made.
        with self.updating("generator", self.adversarial_schedule(step)) as (generator, backward):
            for lr, hr in without_sync(generator, pairs):
                sr = generator(lr)
                content, parts = self.adversarial_content(sr, hr)
                fool, more = self.adversarial.generator(self.discriminator, sr, hr, lr)
                loss = content + weight * fool
                backward(loss)
                self.watch.add({f"loss/{name}": value for name, value in parts.items()} | more)
                self.watch.add({"loss/adversarial": fool, "loss/generator": loss})
                made.append((lr, sr, hr))

        # D: raise logits on real images, lower them on generated ones.
        with self.updating("discriminator", self.discriminator_schedule(step)) as (discriminator, backward):
            for lr, sr, hr in without_sync(discriminator, made):
                loss, parts = self.adversarial.discriminator(discriminator, hr, sr.detach(), lr)
                backward(loss)
                self.watch.add({"loss/discriminator": loss} | parts)
