"""Before the first step: one pass through every phase and every metric, so that what cannot work is told at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch

from sr.data.crops import collate
from sr.errors import UserError, reason

from ..system import PixelSystem

FEW = 2  # samples on a CPU, where a whole batch takes long; on a GPU the whole batch, whose memory is the question
ENOUGH = 100  # validation images that are opened


class Rehearsal(pl.Callback):
    """Rehearses where training starts, or goes on."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if trainer.is_global_zero and trainer.precision == "bf16-mixed" and emulates_bf16(pl_module.device):
            print(f"trainer.precision=bf16-mixed: this {pl_module.device.type} only emulates bf16, and a step can take "
                  "ten times as long as with trainer.precision=32-true", flush=True)  # fmt: skip
        if trainer.datamodule is not None:  # type: ignore[attr-defined]
            rehearse(pl_module, trainer.datamodule)  # type: ignore[attr-defined]


def emulates_bf16(device: torch.device) -> bool:
    """Whether `device` has no convolutions in bf16 of its own."""
    if device.type == "cuda":
        return not torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu" and torch.backends.mkldnn.is_available():
        return not torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return False  # not known


def rehearse(system: PixelSystem, data: Any) -> None:
    """Run forward and backward passes of all phases, and the metrics on the smallest validation image.

    Nothing of the run is changed: no update is made, buffers and random numbers are put back.

    Args:
        data: a set-up `CropData`.

    Raises:
        UserError: what fails, in one sentence.
    """
    with undisturbed(system):
        for name, step in system.phase_steps().items():
            try:
                batch = system.transfer_batch_to_device(some(system, data), system.device, 0)
                with system.trainer.precision_plugin.train_step_context():
                    step(batch)
            except (RuntimeError, ValueError, KeyError, TypeError, IndexError) as error:
                raise _told(error, f"the {name} phase cannot run with these networks, losses and crops") from error
            finally:
                system.updates.clear()
        if len(data.validation):
            image = collate([smallest(data.validation)])
            try:
                system.validation.update(system.generator_ema, *system.pair(image))
            except (RuntimeError, ValueError, KeyError, TypeError, IndexError) as error:
                what = f"validation cannot score {data.validation.name}/{data.validation.names[image['n'][0]]}"
                raise _told(error, what) from error


def some(system: PixelSystem, data: Any) -> dict[str, Any]:
    """The first samples of the run, as many as `FEW` says."""
    share = data.batch_size // system.trainer.world_size
    few = share if system.device.type != "cpu" else min(share, max(FEW, system.accumulate))
    return collate([data.crops[n] for n in range(few // system.accumulate * system.accumulate or share)])


def smallest(images: Any) -> dict[str, Any]:
    """The smallest of the images, all of which can be read."""
    found: dict[str, Any] | None = None
    for i in range(min(len(images), ENOUGH)):
        image = images[i]
        if found is None or min(image["hr"].shape[-2:]) < min(found["hr"].shape[-2:]):
            found = image
    assert found is not None
    return found


@contextmanager
def undisturbed(system: PixelSystem) -> Iterator[None]:
    """Put back what passes without an update leave behind."""
    kept = [(tensor, tensor.detach().clone()) for tensor in system.changing()]
    system.guard.rehearsing = True
    with torch.random.fork_rng(devices=[system.device] if system.device.type == "cuda" else []):
        try:
            yield
        finally:
            system.guard.rehearsing = False
            with torch.no_grad():
                for tensor, copy in kept:
                    tensor.copy_(copy)
            for parameter in system.parameters():
                parameter.grad = None
            system.watch.start(system.global_step)
            system.validation.reset()


def _told(error: BaseException, what: str) -> UserError:
    return UserError(str(error) if isinstance(error, UserError) else f"{what}: {reason(error)}")
