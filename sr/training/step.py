"""One update of one network, in plain PyTorch: what is frozen, clipped, refused and averaged."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

import torch
import torch.nn as nn
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer

T = TypeVar("T")


class Guard(nn.Module):
    """Refuses updates whose gradients are not finite, without waiting for the device.

    From the first such update on all are refused; whoever reads `first_bad_step` (-1 while all is well) waits.
    """

    first_bad_step: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("first_bad_step", torch.tensor(-1), persistent=False)

    def check(self, norm: Tensor, step: int, optimizer: Optimizer) -> bool:
        """Whether `optimizer` may be called; a fused one always may, for its kernel leaves everything as it is.

        Args:
            norm: of the gradients.
            step: number of the update, from 1.
        """
        bad = ~torch.isfinite(norm) & (self.first_bad_step < 0)
        self.first_bad_step = torch.where(bad, step, self.first_bad_step)
        if optimizer.defaults.get("fused"):  # as a gradient scaler tells it
            optimizer.found_inf = (self.first_bad_step >= 0).float()  # type: ignore[attr-defined]
            return True
        return bool(self.first_bad_step < 0)


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


@contextmanager
def update(
    network: nn.Module,
    others: Iterable[nn.Module],
    optimizer: Optimizer,
    learning_rate: float,
    clip_norm: float | None,
    apply: Callable[[Tensor], None],
) -> Iterator[None]:
    """One update of `network`: the body computes gradients, with the `others` frozen; then they are applied.

    Args:
        clip_norm: largest norm of the gradients; None leaves them as they are.
        apply: called with the norm before clipping; it calls the optimizer.
    """
    optimizer.zero_grad()
    with frozen(others):
        yield
    norm = get_total_norm([p.grad for p in network.parameters() if p.grad is not None], foreach=True)
    if clip_norm is not None:
        clip_grads_with_norm_(network.parameters(), clip_norm, norm, foreach=True)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    apply(norm)


def without_sync(network: nn.Module, pieces: Sequence[T]) -> Iterator[T]:
    """The pieces of a batch; DDP exchanges gradients in the backward of the last one alone."""
    for i, piece in enumerate(pieces):
        shared = hasattr(network, "no_sync") and i < len(pieces) - 1
        with network.no_sync() if shared else nullcontext():  # type: ignore[operator]
            yield piece


@torch.no_grad()
def average(mean: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the exponential moving average by 1 - decay towards the network's parameters; buffers are copied.

    Args:
        step: number of the update, from 1; after few updates the average moves faster: (1 + step) / (10 + step).
    """
    decay = min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(mean.parameters()), list(network.parameters()), weight=1 - decay)
    for averaged, buffer in zip(mean.buffers(), network.buffers(), strict=True):
        averaged.copy_(buffer)


def cut(pair: tuple[Tensor, Tensor], pieces: int) -> list[tuple[Any, Any]]:
    """(lr, hr) as equal pieces of the batch."""
    return list(zip(*(side.chunk(pieces) for side in pair), strict=True))
