"""One step in plain PyTorch: what is frozen, clipped, refused and averaged."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

import torch
import torch.nn as nn
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer

T = TypeVar("T")


class Guard(nn.Module):
    """Makes a step whole: where a gradient is not finite nothing changes, neither weights nor buffers nor averages.

    On a GPU nothing here waits for the device: from the first such step on all are refused by the optimizers' kernels,
    and whoever reads `first_bad_step` (-1 while all is well) learns of it.
    """

    first_bad_step: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("first_bad_step", torch.tensor(-1), persistent=False)
        self.kept: tuple[list[Tensor], list[Tensor]] = [], []
        self.seen_bad = False  # what is known without waiting for the device
        self.rehearsing = False  # nothing is updated

    @torch.no_grad()
    def remember(self, changing: Iterable[Tensor]) -> None:
        """Copy what changes before a step is known to be good: running statistics, power iterations."""
        changing = list(changing)
        if len(changing) != len(self.kept[0]) or any(a is not b for a, b in zip(changing, self.kept[0], strict=True)):
            self.kept = changing, [each.clone() for each in changing]
        for each, copy in zip(*self.kept, strict=True):
            copy.copy_(each)

    def check(self, norms: Sequence[Tensor], step: int) -> None:
        """Refuse everything from here on where the norm of a network's gradients is not finite.

        Args:
            norms: of the gradients, one a network.
            step: number of this step, from 1.
        """
        bad = ~torch.isfinite(torch.stack(list(norms))).all() & (self.first_bad_step < 0)
        self.first_bad_step = torch.where(bad, step, self.first_bad_step)

    def lets(self, optimizer: Optimizer, skip: Tensor | None = None) -> bool:
        """Whether the optimizer may be called; a fused one on a GPU always may, for it is told the rest.

        Args:
            skip: true where it shall do nothing though all is well.
        """
        if self.rehearsing:
            return False
        refused = self.first_bad_step >= 0
        stays = refused if skip is None else refused | skip
        if stays.device.type != "cpu" and optimizer.defaults.get("fused"):
            optimizer.found_inf = stays.float()  # type: ignore[attr-defined]  # as a gradient scaler tells it
            return True
        self.seen_bad = self.seen_bad or bool(refused)
        return not stays

    @torch.no_grad()
    def undo(self) -> None:
        """Put it back where this step is refused."""
        refused = self.first_bad_step >= 0
        for each, copy in zip(*self.kept, strict=True):
            each.copy_(torch.where(refused, copy, each))


@contextmanager
def frozen(networks: Iterable[nn.Module]) -> Iterator[None]:
    """No gradients for the parameters of these networks; what was frozen before stays frozen after."""
    parameters = [p for network in networks for p in network.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def clip(network: nn.Module, clip_norm: float | None) -> Tensor:
    """The norm of the network's gradients, which are then no larger than `clip_norm`; None leaves them as they are."""
    norm = get_total_norm([p.grad for p in network.parameters() if p.grad is not None], foreach=True)
    if clip_norm is not None:
        clip_grads_with_norm_(network.parameters(), clip_norm, norm, foreach=True)
    return norm


def without_sync(network: nn.Module, pieces: Sequence[T]) -> Iterator[T]:
    """The pieces of a batch; DDP exchanges gradients in the backward of the last one alone."""
    for i, piece in enumerate(pieces):
        shared = hasattr(network, "no_sync") and i < len(pieces) - 1
        with network.no_sync() if shared else nullcontext():  # type: ignore[operator]
            yield piece


@torch.no_grad()
def average(mean: nn.Module, network: nn.Module, decay: float, step: int, refused: Tensor) -> None:
    """Move the exponential moving average by 1 - decay towards the network's parameters; buffers are copied.

    Args:
        step: number of the step, from 1; after few steps the average moves faster: (1 + step) / (10 + step).
        refused: true where nothing shall move.
    """
    means: list[Any] = list(mean.parameters())  # as tensors, for the signatures of torch._foreach_*
    values: list[Any] = list(network.parameters())
    weight = 1 - min(decay, (1 + step) / (10 + step))
    if refused.device.type == "cpu":
        if not refused:
            torch._foreach_lerp_(means, values, weight=weight)
    else:  # the same without a look at `refused`, which would wait for the device
        moves = torch._foreach_sub(values, means)
        torch._foreach_mul_(moves, torch.where(refused, 0.0, weight))
        torch._foreach_add_(means, moves)
    for averaged, buffer in zip(mean.buffers(), network.buffers(), strict=True):
        averaged.copy_(buffer)


def lasting(network: nn.Module) -> Iterator[Tensor]:
    """Buffers that checkpoints keep; the others never change, see `constants`."""
    for module in network.modules():
        for name, buffer in module._buffers.items():
            if buffer is not None and name not in module._non_persistent_buffers_set:
                yield buffer


def constants(network: nn.Module) -> list[str]:
    """Names of the buffers that no checkpoint keeps: a frozen network's weights, a mean colour. They never change."""
    return [
        f"{prefix}.{name}" if prefix else name
        for prefix, module in network.named_modules()
        for name in module._non_persistent_buffers_set
    ]


def cut(pair: tuple[Tensor, Tensor], pieces: int) -> list[tuple[Any, Any]]:
    """(lr, hr) as equal pieces of the batch."""
    return list(zip(*(side.chunk(pieces) for side in pair), strict=True))
