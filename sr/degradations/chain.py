"""A degradation as a chain of operators, with parameters of its own for each sample: a YAML is a paper."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from sr.image.resize import resize_to

from .compose import Steps
from .draws import of_sample
from .operator import Draw, Operator
from .pairs import lr_size
from .sharpen import USM


class Chain(nn.Module):
    """Operators one after another, then LR in its size and in 8 bits.

    All parameters of a sample are drawn on the host from (seed, n), before anything is computed; then each operator is
    applied at once to all samples for which it is next, whatever their sizes.

    Args:
        name: what tables and cards call it.
        scale: of hr to lr. What does not have the size of lr at the end of the steps is resized by MATLAB's bicubic.
        seed: of the draws.
        steps: name -> operator, in their order.
        sharpen: applied to hr first: lr is made from the sharpened image. The hr that comes back is not sharpened;
            who trains applies `sharpen` to the targets of content losses, as Real-ESRGAN does, and to no others.
    """

    def __init__(
        self, name: str, scale: int, seed: int, steps: Mapping[str, Operator], sharpen: USM | None = None
    ) -> None:
        super().__init__()
        self.name, self.scale, self.seed = name, scale, seed
        self.chain, self.sharpen = Steps(steps), sharpen
        self.names = {operator: name for name, operator in self.chain.named("")}
        self.places = {operator: place for place, operator in enumerate(self.names)}

    @property
    def protocol(self) -> str:
        """How lr is made, for the header of a table."""
        sharpened = "sharpened and " if self.sharpen is not None else ""
        return f"{sharpened}degraded as {self.name} with seed {self.seed}, each image by its number"

    def draws(self, n: int) -> list[tuple[str, Draw]]:
        """What is done to sample `n`: the names of the operators, in order, and their parameters."""
        return [(self.names[operator], draw) for operator, draw in self.chain.plan(of_sample(self.seed, int(n)))]

    def forward(self, hr: Tensor, n: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """N C sH sW in [0, 1] to N C H W in [0, 1], and hr as it was.

        Args:
            hr: float32.
            n: the numbers of the samples.

        Raises:
            UserError: hr is not divisible by the scale.
        """
        size, numbers = lr_size(hr, self.scale), [int(i) for i in n]
        with _one_thread_each(hr.device) as threads:
            parts = min(threads, len(numbers))
            if parts < 2:
                return self._degraded(hr, numbers, size), hr
            work = partial(_as_here, self._degraded, torch.is_grad_enabled(), torch.is_inference_mode_enabled())
            shares = [numbers[i::parts] for i in range(parts)]
            with ThreadPoolExecutor(parts) as pool:
                made = list(pool.map(work, [hr[i::parts] for i in range(parts)], shares, [size] * parts))
            return torch.stack([made[i % parts][i // parts] for i in range(len(numbers))]), hr

    def _degraded(self, hr: Tensor, n: Sequence[int], size: tuple[int, int]) -> Tensor:
        plans = [deque(self.chain.plan(of_sample(self.seed, i))) for i in n]
        if self.sharpen is not None:
            hr = self.sharpen(hr)
        images = list(hr.contiguous().unbind())
        while waiting := [plan[0][0] for plan in plans if plan]:
            operator = min(waiting, key=self.places.__getitem__)  # the others of its samples catch up with it
            chosen = [i for i, plan in enumerate(plans) if plan and plan[0][0] is operator]
            draws = [plans[i].popleft()[1] for i in chosen]
            results = operator([images[i] for i in chosen], draws, size)
            for i, result in zip(chosen, results, strict=True):
                images[i] = result
        sized = [image if image.shape[1:] == size else resize_to(image, *size) for image in images]
        return torch.stack(sized).mul(255).round_().clamp_(0, 255).div_(255)


def _as_here(work: Callable[..., Tensor], gradients: bool, inference: bool, *given: Any) -> Tensor:
    """`work` in another thread, with what a thread has of its own as it is in this one."""
    torch.set_num_threads(1)
    with torch.inference_mode(inference), torch.set_grad_enabled(gradients):
        return work(*given)


@contextmanager
def _one_thread_each(device: torch.device) -> Iterator[int]:
    """On a CPU an operator is over within microseconds: threads that share one cost more than they bring.

    Beside other work on the same cores they cost many times more. So each thread gets samples of its own: as many
    threads as this yields.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        yield 1
        return
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)
