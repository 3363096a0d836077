"""The LightningModule of a GAN: two networks, two sentences a step."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from sr.degradations import aim
from sr.errors import UserError

from .step import without_sync
from .system import Backward, PixelSystem, Schedule


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
        discriminator_updates: of the discriminator a step, all on the images that the generator has just made.
        discriminator_rests_above: the discriminator is left as it is while its accuracy (`sr.losses.Adversarial`),
            averaged over about twenty steps, is above this; None: it never rests.
        options: as in PixelSystem, where `content` and `schedule` are those of the pixel phase.
    """

    trained_networks = ("generator", "discriminator")
    accuracy: Tensor

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
        discriminator_updates: int = 1,
        discriminator_rests_above: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.discriminator, self.adversarial = discriminator, adversarial
        self.adversarial_content, self.adversarial_weight = adversarial_content, adversarial_weight
        self.adversarial_schedule, self.discriminator_schedule = adversarial_schedule, discriminator_schedule
        self.pixel_steps, self.ramp_steps = pixel_steps, ramp_steps
        self.discriminator_updates, self.rests_above = discriminator_updates, discriminator_rests_above
        self.register_buffer("accuracy", torch.tensor(0.5), persistent=discriminator_rests_above is not None)

    @property
    def phase(self) -> str:
        return "pixel" if self.global_step <= self.pixel_steps and self.pixel_steps else "adversarial"

    @property
    def phase_ends(self) -> dict[int, str]:
        return {self.pixel_steps: "pixel"} if self.pixel_steps else {}

    def phase_steps(self) -> dict[str, Callable[[dict[str, Any]], None]]:
        pixel = super().phase_steps() if self.pixel_steps else {}
        adversarial = self.trainer.max_steps > self.pixel_steps
        return pixel | ({"adversarial": lambda batch: self.adversarial_step(batch, 0)} if adversarial else {})

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        with self.all_or_nothing():
            if self.global_step < self.pixel_steps:
                self.pixel_step(batch)
            else:
                self.adversarial_step(batch, self.step_of_phase(self.pixel_steps))
        self.write_curves(len(batch["hr"]))

    def adversarial_step(self, batch: dict[str, Any], step: int) -> None:
        weight = self.adversarial_weight * min((step + 1) / (self.ramp_steps + 1), 1.0)
        pairs = self.pieces(batch)
        made = []

        # G: stay close to the target and raise D's logits on what it made.
        with self.updating("generator", self.adversarial_schedule(step)) as (generator, backward):
            for lr, hr in without_sync(generator, pairs):
                sr = generator(lr)
                target, more = aim(hr, self.degradation), self.more(self.adversarial_content, lr)
                content, parts = self.adversarial_content(sr, target, **more)
                fool, more = self.adversarial.generator(self.discriminator, sr, hr, lr)
                loss = content + weight * fool
                backward(loss)
                self.watch.add({f"loss/{name}": value for name, value in parts.items()} | more)
                self.watch.add({"loss/adversarial": fool, "loss/generator": loss})
                self.watch.content = content.detach()
                made.append((lr, sr, hr))

        # D: raise logits on real images, lower them on generated ones.
        for turn in self.turns(step):
            with turn as (discriminator, backward):
                for lr, sr, hr in without_sync(discriminator, made):
                    loss, parts = self.adversarial.discriminator(discriminator, hr, sr.detach(), lr)
                    backward(loss)
                    self.watch.add({"loss/discriminator": loss} | parts)

    # --- its parts --------------------------------------------------------------------------------------------------

    def turns(self, step: int) -> Iterator[AbstractContextManager[tuple[nn.Module, Backward]]]:
        """The discriminator's updates of a step, usually one, the last of which is made with the generator's."""
        for left in reversed(range(self.discriminator_updates)):
            skip = None if self.rests_above is None else self.accuracy > self.rests_above
            yield self.updating("discriminator", self.discriminator_schedule(step), skip, at_once=left > 0)
            if self.rests_above is not None:
                self.remember_accuracy()

    @torch.no_grad()
    def remember_accuracy(self) -> None:
        """Move the mean accuracy of the discriminator, over all processes, towards that of its last turn."""
        told = self.watch.values.get("accuracy")
        if not told:
            raise UserError(f"system.discriminator_rests_above={self.rests_above}: the adversarial loss does not tell "
                            "the discriminator's accuracy; null does without")  # fmt: skip
        last = torch.stack(told[-self.accumulate :]).mean()
        last = self.trainer.strategy.reduce(last, reduce_op="mean")
        self.accuracy.lerp_(last.to(self.accuracy), 1 / (20 * self.discriminator_updates))

    def changing(self) -> Iterator[Tensor]:
        yield from super().changing()
        if self.rests_above is not None:
            yield self.accuracy
        if self.discriminator_updates > 1:
            yield from self.discriminator.parameters()
            for state in self.optimizers_in_order()[1].state.values():
                yield from (value for value in state.values() if isinstance(value, Tensor))
