"""Learning rates as pure functions of the step: nothing to save, nothing to forget when a run resumes.

A schedule is called with the number of updates made so far in its phase and returns the learning rate of the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi


@dataclass(frozen=True)
class MultiStep:
    """Constant, multiplied by `gamma` at each milestone, after a linear warm-up.

    Args:
        learning_rate: before the first milestone.
        milestones: steps of the phase; empty for a constant rate.
        gamma: factor at each.
        warmup_steps: over which the rate grows linearly, reaching its value at this step.
    """

    learning_rate: float
    milestones: Sequence[int] = ()
    gamma: float = 0.5
    warmup_steps: int = 0

    def __call__(self, step: int) -> float:
        passed = sum(step >= milestone for milestone in self.milestones)
        return self.learning_rate * self.gamma**passed * _warmup(step, self.warmup_steps)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from `learning_rate` to `final`, after a linear warm-up (Loshchilov & Hutter, arXiv 1608.03983).

    Args:
        learning_rate: at the start.
        steps: of the phase; after them the rate stays at `final`.
        final: at the end.
        warmup_steps: as in MultiStep.
    """

    learning_rate: float
    steps: int
    final: float = 0.0
    warmup_steps: int = 0

    def __call__(self, step: int) -> float:
        progress = min(step / max(self.steps, 1), 1.0)
        rate = self.final + (self.learning_rate - self.final) * (1 + cos(pi * progress)) / 2
        return rate * _warmup(step, self.warmup_steps)


def _warmup(step: int, steps: int) -> float:
    return min((step + 1) / (steps + 1), 1.0)
