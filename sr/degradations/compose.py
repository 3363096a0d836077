"""Operators made of operators: one after another or in any order, and one of several."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch.nn as nn

from sr.errors import UserError

from .operator import Operator, Plan, pick, shares


class Named(nn.ModuleList):
    """Modules by name. (nn.ModuleDict refuses names such as `half` and `type`.)"""

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        super().__init__(modules.values())
        self.names = list(modules)

    def __getitem__(self, name: str) -> Any:  # type: ignore[override]
        return super().__getitem__(self.names.index(name))

    def named(self, name: str) -> Iterator[tuple[str, Operator]]:
        for own in self.names:
            yield from self[own].named(f"{name}.{own}" if name else own)


class Steps(Operator):
    """Operators one after another.

    Args:
        steps: name -> operator, in their order.
        shuffle: every order is equally likely, drawn for each sample.
        ordered: names whose places are shuffled but who keep this order among themselves.
        probability: that any of it is applied.
    """

    def __init__(
        self,
        steps: Mapping[str, Operator],
        shuffle: bool = False,
        ordered: Sequence[str] = (),
        probability: float = 1.0,
    ) -> None:
        super().__init__(probability)
        if not set(ordered) <= set(steps):
            raise UserError(f"ordered={list(ordered)} names no steps; the steps are {list(steps)}")
        self.steps, self.shuffle, self.ordered = Named(steps), shuffle, list(ordered)

    def drawn(self, random: np.random.Generator) -> Plan:
        names = self.steps.names
        if self.shuffle:
            names = [names[i] for i in random.permutation(len(names))]
            kept = iter(self.ordered)
            names = [next(kept) if name in self.ordered else name for name in names]
        return [step for name in names for step in self.steps[name].plan(random)]

    def named(self, name: str) -> Iterator[tuple[str, Operator]]:
        return self.steps.named(name)


class OneOf(Operator):
    """One of several operators.

    Args:
        steps: name -> operator.
        weights: name -> how likely it is; equally likely unless given.
        probability: that any of them is applied.
    """

    def __init__(
        self, steps: Mapping[str, Operator], weights: Mapping[str, float] | None = None, probability: float = 1.0
    ) -> None:
        super().__init__(probability)
        self.steps = Named(steps)
        self.weights = shares("weights", weights or dict.fromkeys(steps, 1.0), list(steps))

    def drawn(self, random: np.random.Generator) -> Plan:
        return self.steps[pick(random, self.weights)].plan(random)

    def named(self, name: str) -> Iterator[tuple[str, Operator]]:
        return self.steps.named(name)
