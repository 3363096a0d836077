"""Hydra's words for a sweep as the space that Optuna searches.

`a,b`, `choice(a,b)` and `glob(*)` are categories; `range(1,9,2)` its numbers in their order; `interval(0.1,1)` all
between, `int(interval(1,8))` all whole numbers, and `tag(log,interval(1e-5,1e-3))` on a logarithmic scale.
"""

from collections.abc import Mapping, Sequence
from math import inf, prod
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.errors import CompactHydraException


def space_of(overrides: Sequence[Override]) -> tuple[list[str], dict[str, Any]]:
    """Overrides that all jobs share, as they were given, and option -> distribution of those that are searched."""
    fixed, space = [], {}
    for override in overrides:
        if override.is_sweep_override():
            space[override.get_key_element()] = _distribution(override)
        elif override.input_line is not None:
            fixed.append(override.input_line)
    if not space:
        raise CompactHydraException("a search without anything to search: give options a choice(...), range(...) or "
                                    "interval(...)")  # fmt: skip
    return fixed, space


def size_of(space: Mapping[str, Any]) -> float:
    """How many points it has; infinity where an option may lie anywhere between two values."""
    return prod(_values_of(distribution) for distribution in space.values())


def _values_of(distribution: Any) -> float:
    if hasattr(distribution, "choices"):
        return len(distribution.choices)
    if distribution.step is None:
        return 1 if distribution.single() else inf
    return round((distribution.high - distribution.low) / distribution.step) + 1


def _distribution(override: Override) -> Any:
    from optuna import distributions

    given = override.value()
    log = isinstance(given, IntervalSweep | RangeSweep) and "log" in given.tags
    if isinstance(given, IntervalSweep):
        assert given.start is not None
        assert given.end is not None
        if isinstance(given.start, int) and isinstance(given.end, int):
            return distributions.IntDistribution(given.start, given.end, log=log)
        return distributions.FloatDistribution(float(given.start), float(given.end), log=log)
    if isinstance(given, RangeSweep):
        numbers = list(given.range())
        if all(isinstance(number, int) for number in numbers):
            return distributions.IntDistribution(numbers[0], numbers[-1], step=int(given.step))
        return distributions.FloatDistribution(float(numbers[0]), float(numbers[-1]), step=float(given.step))
    return distributions.CategoricalDistribution(list(override.sweep_string_iterator()))
