"""Building a network that a file describes, for no more than the file is worth."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from .reading import UnusableWeights

MOST = 1 << 16  # that an argument of a network may be: a width, a depth, a size of windows
MOST_VALUES = 10_000  # of lists of arguments
PARTS = (1_000, 20)  # modules and parameters that a network may have: some, and so many for each tensor
NUMBERS = (16 << 20, 8)  # that are made while it is built: some for masks and tables, and so many for each in the file


@contextmanager
def within(state: Mapping[str, Tensor]) -> Iterator[None]:
    """While it lasts, networks are built that these tensors may be the weights of; larger ones are refused early.

    Raises:
        UnusableWeights: a network of many more parts, or with many more numbers; before these take memory.
    """
    most = PARTS[0] + PARTS[1] * len(state)
    made = 0

    def count(module: nn.Module, name: str, part: Any) -> None:
        nonlocal made
        made += 1
        if made > most:
            raise UnusableWeights(f"a network of more than {most} parts, of which the file holds {len(state)} tensors")

    hooks = [register_module_module_registration_hook(count), register_module_parameter_registration_hook(count)]
    try:
        with _Numbers(NUMBERS[0] + NUMBERS[1] * sum(value.numel() for value in state.values())):
            yield
    finally:
        for hook in hooks:
            hook.remove()


class _Numbers(TorchDispatchMode):
    """Refuses to make more numbers than `most`, before they are made."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.left = self.most = most

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if torch.device(kwargs.get("device") or "cpu").type != "meta" and not any(
            isinstance(leaf, Tensor) for leaf in tree_leaves((args, kwargs))
        ):
            size = next((prod(given) for given in args if isinstance(given, (list, tuple))), None)
            self.left -= size if size is not None else max((abs(n) for n in args if isinstance(n, int)), default=0)
            if self.left < 0:
                raise UnusableWeights(f"a network that takes more than {self.most} numbers to build")
        return func(*args, **kwargs)


def arguments_of(about: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments in a header: a flat or nested dict of plain values of a size that networks have.

    Raises:
        UnusableWeights: something else.
    """
    given = about.get("arguments")
    if not isinstance(given, dict):
        raise UnusableWeights(f"its header's 'arguments' are {_short(given)}; a table of them is needed")
    left, pending = MOST_VALUES, list(given.items())
    while pending:
        name, value = pending.pop()
        left -= 1
        if isinstance(value, (list, dict)):
            pending += [(name, inner) for inner in (value.values() if isinstance(value, dict) else value)]
        elif isinstance(value, (int, float)) and not abs(value) <= MOST:
            raise UnusableWeights(f"its header's {_short(name)} is {_short(value)}; numbers up to {MOST} are taken")
        if left < 0:
            raise UnusableWeights(f"its header has more than {MOST_VALUES} arguments")
    return given


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
