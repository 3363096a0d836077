"""The training loop, all of it: what one step does to which network.

One step is one batch is one update of the generator; `global_step` counts that, and so do schedules, checkpoints,
logs and `trainer.max_steps`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from time import perf_counter
from typing import Any, TypeVar

import pytorch_lightning as pl
import torch
import torch.nn as nn
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer

from sr.degradations import pair
from sr.errors import UserError
from sr.image.resize import imresize

Schedule = Callable[[int], float]
T = TypeVar("T")


class NonFiniteError(UserError):
    """A gradient or loss is no longer a number. The weights are still those before it, and worth a checkpoint."""

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
        clip_norm: largest gradient norm of a network; null leaves gradients alone.
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
        self.metrics = nn.ModuleDict(metrics)
        self.bicubic_metrics = deepcopy(self.metrics)
        self.bicubic: dict[str, float] = {}  # their values, once the validation images have been seen
        self.accumulate, self.clip_norm, self.ema_decay = accumulate, clip_norm, ema_decay
        self.channels_last, self.compiled, self.log_every_steps = channels_last, compile, log_every_steps
        self.about: dict[str, Any] = {}  # what a weights file says of itself; checkpoints say it too
        self.first_bad_step: Tensor
        self.register_buffer("first_bad_step", torch.tensor(-1), persistent=False)
        self.watched: dict[str, list[Tensor]] = {}  # since the last row, left on the device
        self.watched_since, self.validation_since = (0, 0.0), 0.0

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
        self.update_ema()

    def pixel_step(self, batch: dict[str, Any]) -> None:
        # G: stay close to the target.
        with self.updating("generator", 0, self.schedule(self.global_step)) as (generator, backward):
            for lr, hr in self.without_sync(generator, self.pieces(batch)):
                loss, parts = self.content(generator(lr), hr)
                backward(loss)
                self.watch({f"loss/{name}": value for name, value in parts.items()} | {"loss/generator": loss})

    # --- its parts --------------------------------------------------------------------------------------------------

    def pieces(self, batch: dict[str, Any]) -> list[tuple[Tensor, Tensor]]:
        """A batch as `accumulate` pairs (lr, hr)."""
        size = len(batch["hr"])
        if size % self.accumulate:
            raise UserError(f"a batch of {size} cannot be cut into system.accumulate={self.accumulate} equal pieces")
        lr, hr = self.pair(batch)
        return list(zip(lr.chunk(self.accumulate), hr.chunk(self.accumulate), strict=True))

    def pair(self, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """(lr, hr) of a batch, in [0, 1], on the device, in the networks' memory format."""
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        return pair(batch, self.degradation, self.device, layout)

    @contextmanager
    def updating(
        self, name: str, index: int, learning_rate: float
    ) -> Iterator[tuple[nn.Module, Callable[[Tensor], None]]]:
        """One update of the network `name` by optimizer `index`; all other networks are frozen meanwhile.

        Yields the network to call (wrapped where processes share the work) and the backward for the loss of each
        piece of the batch. Nothing here waits for the device: an update that is not finite is not applied, nor is
        any after it, and `read_watched` says so later.
        """
        network = getattr(self.trainer.strategy, "wrapped", {}).get(name) or self.get_submodule(name)
        others = [p for other in self.trained_networks if other != name for p in self.get_submodule(other).parameters()]
        others = [parameter for parameter in others if parameter.requires_grad]  # what is frozen for good stays so
        optimizer = self._optimizers()[index]
        if index > 0:
            # Lightning counts every optimizer's steps; ours counts the generator's alone. Set anew each step, for
            # Lightning puts its counters back at every batch.
            optimizer._on_before_step = optimizer._on_after_step = _nothing
        optimizer.zero_grad()
        for parameter in others:
            parameter.requires_grad_(False)
        try:
            yield network, lambda loss: self.manual_backward(loss / self.accumulate)
        finally:
            for parameter in others:
                parameter.requires_grad_(True)
        norm = get_total_norm([p.grad for p in network.parameters() if p.grad is not None], foreach=True)
        if self.clip_norm is not None:
            clip_grads_with_norm_(network.parameters(), self.clip_norm, norm, foreach=True)
        self.watch({f"gradient_norm/{name}": norm})
        self._skip_if_not_finite(optimizer.optimizer, norm)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate
        optimizer.step()

    @staticmethod
    def without_sync(network: nn.Module, pieces: Sequence[T]) -> Iterator[T]:
        """The pieces of a batch; DDP exchanges gradients in the backward of the last one alone."""
        for i, piece in enumerate(pieces):
            shared = hasattr(network, "no_sync") and i < len(pieces) - 1
            with network.no_sync() if shared else nullcontext():  # type: ignore[operator]
                yield piece

    @torch.no_grad()
    def update_ema(self) -> None:
        """Move the average by 1 - decay towards the weights; a young one moves faster. Buffers are copied."""
        decay = min(self.ema_decay, (1 + self.global_step) / (10 + self.global_step))
        torch._foreach_lerp_(list(self.generator_ema.parameters()), list(self.generator.parameters()), weight=1 - decay)
        for mean, buffer in zip(self.generator_ema.buffers(), self.generator.buffers(), strict=True):
            mean.copy_(buffer)

    # --- validation -------------------------------------------------------------------------------------------------

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> dict[str, Tensor]:
        lr, hr = self.pair(batch)
        with torch.autocast(self.device.type, enabled=False):  # scores are those of the fp32 network
            seen = {"lr": lr, "sr": self.generator_ema(lr).clamp(0, 1), "hr": hr}
            _update(self.metrics, seen)
            if not self.bicubic:
                bicubic = imresize(lr, hr.shape[-1] / lr.shape[-1]).clamp(0, 1)
                _update(self.bicubic_metrics, seen | {"sr": bicubic})
        return seen

    def on_validation_start(self) -> None:
        self.validation_since = perf_counter()

    def on_validation_end(self) -> None:
        # The speed of training is told without the validation between two rows.
        step, since = self.watched_since
        self.watched_since = (step, since + perf_counter() - self.validation_since)

    def on_validation_epoch_end(self) -> None:
        if not self.bicubic:
            self.bicubic = _compute(self.bicubic_metrics)
        row = {f"val/{name}": value for name, value in _compute(self.metrics).items()}
        self.log_dict(row, prog_bar=True, logger=False)
        self.write_row(row | {f"val/{name}_bicubic": value for name, value in self.bicubic.items()})

    # --- curves -----------------------------------------------------------------------------------------------------

    def watch(self, values: Mapping[str, Tensor]) -> None:
        """Remember scalars for the mean in the next row, without waiting for the device."""
        for name, value in values.items():
            self.watched.setdefault(name, []).append(value.detach())

    def on_train_start(self) -> None:
        self.watched_since = (self.global_step, perf_counter())

    def on_train_batch_end(self, outputs: Any, batch: dict[str, Any], batch_idx: int) -> None:
        if self.global_step % self.log_every_steps:
            return
        row = self.read_watched()
        steps, seconds = self.global_step - self.watched_since[0], perf_counter() - self.watched_since[1]
        for name, optimizer in zip(self.trained_networks, self._optimizers(), strict=True):
            row[f"learning_rate/{name}"] = optimizer.param_groups[0]["lr"]
        row["speed/images_per_second"] = steps * len(batch["hr"]) * self.trainer.world_size / seconds
        self.watched, self.watched_since = {}, (self.global_step, perf_counter())
        self.log("loss", row["loss/generator"], prog_bar=True, logger=False)
        self.write_row(row)

    def read_watched(self) -> dict[str, float]:
        """Means since the last row, over all processes; the one place that waits for the device.

        Raises:
            NonFiniteError: something was not a number.
        """
        if not self.watched:
            return {}
        means = torch.stack([torch.stack(values).float().mean() for values in self.watched.values()])
        means = self.trainer.strategy.reduce(means, reduce_op="mean")
        row = dict(zip(self.watched, means.tolist(), strict=True))
        bad = [name for name, value in row.items() if not abs(value) < float("inf")]
        if bad or self.first_bad_step >= 0:
            raise NonFiniteError(
                f"training left the numbers at step {int(self.first_bad_step)} ({', '.join(bad)} not finite). No "
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

    def _optimizers(self) -> list[LightningOptimizer]:
        optimizers = self.optimizers()
        return optimizers if isinstance(optimizers, list) else [optimizers]  # type: ignore[list-item,return-value]

    def _skip_if_not_finite(self, optimizer: Optimizer, norm: Tensor) -> None:
        bad = ~torch.isfinite(norm) & (self.first_bad_step < 0)
        self.first_bad_step = torch.where(bad, self.global_step + 1, self.first_bad_step)
        if optimizer.defaults.get("fused"):
            # What a gradient scaler does for half precision: the kernel itself leaves the weights alone.
            optimizer.found_inf = (self.first_bad_step >= 0).float()  # type: ignore[attr-defined]
        elif self.first_bad_step >= 0:
            self.read_watched()


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
        self.update_ema()

    def adversarial_step(self, batch: dict[str, Any], step: int) -> None:
        weight = self.adversarial_weight * min((step + 1) / (self.ramp_steps + 1), 1.0)
        pairs = self.pieces(batch)
        made = []

        # G: stay close to the target and raise D's logits on what it made.
        with self.updating("generator", 0, self.adversarial_schedule(step)) as (generator, backward):
            for lr, hr in self.without_sync(generator, pairs):
                sr = generator(lr)
                content, parts = self.adversarial_content(sr, hr)
                fool, more = self.adversarial.generator(self.discriminator, sr, hr, lr)
                loss = content + weight * fool
                backward(loss)
                self.watch({f"loss/{name}": value for name, value in parts.items()} | more)
                self.watch({"loss/adversarial": fool, "loss/generator": loss})
                made.append((lr, sr, hr))

        # D: raise logits on real images, lower them on generated ones.
        with self.updating("discriminator", 1, self.discriminator_schedule(step)) as (discriminator, backward):
            for lr, sr, hr in self.without_sync(discriminator, made):
                loss, parts = self.adversarial.discriminator(discriminator, hr, sr.detach(), lr)
                backward(loss)
                self.watch({"loss/discriminator": loss} | parts)


def _update(metrics: Any, images: Mapping[str, Tensor]) -> None:
    for metric in metrics.values():
        metric.update(*(images[name] for name in getattr(metric, "inputs", ("sr", "hr"))))


def _compute(metrics: Any) -> dict[str, float]:
    """Values over all processes; the metrics start anew."""
    values = {name: float(metric.compute()) for name, metric in metrics.items()}
    for metric in metrics.values():
        metric.reset()
    return values


def _nothing(*_: Any, **__: Any) -> None:
    pass
