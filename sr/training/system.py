"""The LightningModule of the PSNR stage, and what every stage shares: what one step does to which network.

One step is one batch is one update of the generator; `global_step` counts that, and so do schedules, checkpoints,
logs and `trainer.max_steps`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, NamedTuple

import torch
import torch.nn as nn
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.optim import Optimizer

from sr.degradations import aim, pair
from sr.errors import UserError

from .lightning import do_not_count
from .step import Guard, average, clip, cut, frozen, lasting, without_sync
from .use import Use
from .validation import Validation
from .watch import Watch

Schedule = Callable[[int], float]
Backward = Callable[[Tensor], None]


class Update(NamedTuple):
    """An update of a network whose gradients are there."""

    optimizer: LightningOptimizer
    norm: Tensor  # of the gradients
    skip: Tensor | None  # true where this network is left as it is
    counts: bool  # as a step


class NonFiniteError(UserError):
    """A gradient or loss is NaN or infinite. No checkpoint is written from there on."""


class PixelSystem(Use):
    """The PSNR stage: one network, a content loss, one optimizer; and what every stage shares.

    Args:
        generator: lr (N C H W, in [0, 1]) to sr (N C sH sW).
        degradation: (hr, numbers of the samples) to (lr, hr), on the device; used where a set has no files of lr, in
            training and in validation. See `sr.degradations`.
        content: (sr, hr) to (loss, its named parts), and by name what else its `inputs` name: see `sr.losses`.
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
        self.updates: list[Update] = []  # of this step, not yet made
        self.accumulate, self.clip_norm, self.ema_decay = accumulate, clip_norm, ema_decay
        self.channels_last, self.compiled, self.log_every_steps = channels_last, compile, log_every_steps
        self.clocked: int | None = None  # where the clock ends phases: how many of the phase's steps it says are over
        self.listeners: list[Callable[[dict[str, float]], None]] = []  # to the rows of the curves
        self.slower: dict[str, float] = {}  # network -> factor of its learning rate, after a rollback
        self.about: dict[str, Any] = {}  # what a weights file says of itself; checkpoints say it too

    @property
    def phase(self) -> str:
        """The phase of the update made last."""
        return "pixel"

    @property
    def phase_ends(self) -> dict[int, str]:
        """Steps at which a phase is over and another begins, and the name of the one that is over."""
        return {}

    @property
    def trains_on(self) -> frozenset[str]:
        """Metrics, by the names of their classes, that are losses of this run: see sr/losses/learned.py."""
        return frozenset().union(*(getattr(part, "trains_on", ()) for part in self.children()))

    def phase_steps(self) -> dict[str, Callable[[dict[str, Any]], None]]:
        """Each phase of the run and a step of it."""
        return {"pixel": self.pixel_step}

    # --- one step ---------------------------------------------------------------------------------------------------

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        with self.all_or_nothing():
            self.pixel_step(batch)
        self.write_curves(len(batch["hr"]))

    def pixel_step(self, batch: dict[str, Any]) -> None:
        # G: stay close to the target.
        with self.updating("generator", self.schedule(self.step_of_phase())) as (generator, backward):
            for lr, hr in without_sync(generator, self.pieces(batch)):
                loss, parts = self.content(generator(lr), aim(hr, self.degradation), **self.more(self.content, lr))
                backward(loss)
                self.watch.add({f"loss/{name}": value for name, value in parts.items()} | {"loss/generator": loss})
                self.watch.content = loss.detach()

    # --- its parts --------------------------------------------------------------------------------------------------

    def step_of_phase(self, start: int = 0) -> int:
        """What schedules go by: steps since the phase began at `start`, or its steps that are over by the clock."""
        return self.global_step - start if self.clocked is None else self.clocked

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

    @torch.no_grad()
    def more(self, content: nn.Module, lr: Tensor) -> dict[str, Tensor]:
        """What a content loss names in `inputs` beside sr and hr: lr, and what the averaged generator makes of it."""
        images = {"lr": lambda: lr, "average": lambda: self.generator_ema(lr)}
        return {name: image() for name, image in images.items() if name in getattr(content, "inputs", ())}

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """The body computes gradients through `updating`; then all its updates are made, or none and nothing changes.

        Raises:
            NonFiniteError: a gradient is NaN or infinite; on a GPU when the next row of the curves is due.
        """
        self.guard.remember(self.changing())
        yield
        self.make(self.updates)
        self.updates = []
        self.guard.undo()
        average(self.generator_ema, self.generator, self.ema_decay, self.global_step, self.guard.first_bad_step >= 0)
        if self.guard.seen_bad:
            self.read_watched()

    def make(self, updates: list[Update]) -> None:
        """Let the optimizers make their step, unless a gradient has not been finite."""
        self.guard.check([each.norm for each in updates], self.global_step + 1)
        for each in updates:
            if self.guard.lets(each.optimizer.optimizer, each.skip):
                if not each.counts:
                    do_not_count(each.optimizer)
                each.optimizer.step()

    @contextmanager
    def updating(
        self, name: str, learning_rate: float, skip: Tensor | None = None, at_once: bool = False
    ) -> Iterator[tuple[nn.Module, Backward]]:
        """An update of the network `name`, made at the end of the step; other trained networks are frozen meanwhile.

        Yields the network to call (wrapped where processes share the work) and the backward for the loss of each
        piece of the batch.

        Args:
            skip: a bool on the device; where true the network is left as it is.
            at_once: make it now, for a network with several updates a step; `changing` has to name its weights.
        """
        optimizer = self.optimizers_in_order()[self.trained_networks.index(name)]
        network = self.get_submodule(name)
        others = [self.get_submodule(other) for other in self.trained_networks if other != name]
        wrapped = getattr(self.trainer.strategy, "wrapped", {}).get(name)
        optimizer.zero_grad()
        with frozen(others):
            yield wrapped or network, lambda loss: self.manual_backward(loss / self.accumulate)
        norm = clip(network, self.clip_norm)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * self.slower.get(name, 1.0)
        update = Update(optimizer, norm, skip, counts=name == self.trained_networks[0])
        if at_once:
            self.make([update])
        else:
            self.updates.append(update)
        self.watch.add({f"gradient_norm/{name}": norm})

    def changing(self) -> Iterator[Tensor]:
        """What a step changes before its updates are made: buffers of trained networks, and of a loss that counts."""
        for name in (*self.trained_networks, "adversarial"):
            module = getattr(self, name, None)
            if isinstance(module, nn.Module):
                yield from lasting(module)

    # --- validation -------------------------------------------------------------------------------------------------

    def on_validation_start(self) -> None:
        self.watch.pause()

    def on_validation_end(self) -> None:
        self.watch.go_on()

    def on_validation_epoch_end(self) -> None:
        row = self.compute_row()
        first = {f"val/{name}": row[f"val/{name}"] for name in self.validation.metrics}
        self.log_dict(first, prog_bar=True, logger=False)
        self.write_row(row)

    # --- curves -----------------------------------------------------------------------------------------------------

    def on_train_start(self) -> None:
        self.watch.start(self.global_step)

    def write_curves(self, images: int) -> None:
        """A row where one is due; `images` are those of this process in a batch.

        It is written before any callback sees the step, so that what a checkpoint keeps of a run is never behind.
        """
        if self.global_step % self.log_every_steps:
            return
        row = self.read_watched()
        for name, optimizer in zip(self.trained_networks, self.optimizers_in_order(), strict=True):
            row[f"learning_rate/{name}"] = optimizer.param_groups[0]["lr"]
        speed = self.watch.steps_per_second(self.global_step)
        row["speed/images_per_second"] = images * self.trainer.world_size * speed
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
                f"training diverged at step {int(self.guard.first_bad_step)}: {', '.join(bad) or 'a gradient'} not "
                "finite; nothing was changed since"
            )
        return row

    def write_row(self, row: dict[str, float]) -> None:
        """Send one row to every logger, at the step that counts updates, and to whoever listens."""
        for logger in self.trainer.loggers:
            logger.log_metrics(row, step=self.global_step)
        for listen in self.listeners:
            listen(row)

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
