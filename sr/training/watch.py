"""What a run measures of itself between two rows of its curves."""

from collections.abc import Callable, Mapping
from time import perf_counter

import torch
from torch import Tensor


class Watch:
    """Means of scalars, left on the device until a row is written, and the speed of training."""

    def __init__(self) -> None:
        self.values: dict[str, list[Tensor]] = {}
        self.content: Tensor | None = None  # the content loss of the last step, or of the last piece of its batch
        self.step, self.since, self.paused = 0, perf_counter(), 0.0

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Remember scalars for the mean in the next row, without waiting for the device."""
        for name, value in values.items():
            self.values.setdefault(name, []).append(value.detach())

    def means(self, reduce: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """Means since the last row; this waits for the device.

        Args:
            reduce: from the means of this process, (names,), to those of all processes.
        """
        if not self.values:
            return {}
        means = reduce(torch.stack([torch.stack(values).float().mean() for values in self.values.values()]))
        return dict(zip(self.values, means.tolist(), strict=True))

    def start(self, step: int) -> None:
        """Begin a new row at `step`."""
        self.values, self.step, self.since = {}, step, perf_counter()

    def steps_per_second(self, step: int) -> float:
        """Since the last row, validation left out."""
        return (step - self.step) / (perf_counter() - self.since)

    def pause(self) -> None:
        self.paused = perf_counter()

    def go_on(self) -> None:
        self.since += perf_counter() - self.paused
