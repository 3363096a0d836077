"""A weighted sum of named losses."""

from collections.abc import Mapping

import torch
import torch.nn as nn
from torch import Tensor

from sr.errors import UserError

IMAGES = ("sr", "hr", "lr", "average")


class WeightedSum(nn.Module):
    """sum of weights[name] * terms[name](sr, hr). A weight of 0 means: computed for information only.

    A term that compares other images names them in its `inputs`, in the order of its arguments, as the metrics do; the
    room's docstring says which there are. `inputs` of the sum are those of all its terms, and `trains_on` the metrics
    that are losses here: see sr/losses/learned.py.

    Args:
        terms: name -> loss; the names are also those of the curves.
        weights: name -> weight, for the same names.

    Raises:
        UserError: terms and weights that do not name the same losses, or a term that names no image there is.
    """

    def __init__(self, terms: Mapping[str, nn.Module], weights: Mapping[str, float]) -> None:
        super().__init__()
        terms = {name: term for name, term in terms.items() if term is not None}
        if set(terms) != set(weights) or not terms:
            raise UserError(
                f"losses {sorted(terms)} and weights {sorted(weights)} differ; give every loss one weight "
                "(0 to compute it for information only)"
            )
        self.terms = nn.ModuleDict(terms)
        self.weights = dict(weights)
        named = {"sr", "hr"}.union(*map(inputs_of, terms.values()))
        if unknown := named - set(IMAGES):
            raise UserError(f"inputs {sorted(unknown)} of a loss: it can name {', '.join(IMAGES)}")
        self.inputs = tuple(name for name in IMAGES if name in named)
        found = {name: getattr(term, "trains_on", "") for name, term in terms.items() if self.weights[name] != 0}
        self.trains_on = frozenset(filter(None, found.values()))

    def forward(self, sr: Tensor, hr: Tensor, **more: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum, with its gradient, and every term, unweighted and without one.

        Args:
            sr, hr: N C H W in [0, 1].
            more: what else `inputs` names.
        """
        images = {"sr": sr, "hr": hr, **more}
        total = sr.new_zeros(())
        parts = {}
        for name, term in self.terms.items():
            with torch.set_grad_enabled(self.weights[name] != 0 and torch.is_grad_enabled()):
                value = term(*(images[image] for image in inputs_of(term)))
            if self.weights[name] != 0:
                total = total + self.weights[name] * value
            parts[name] = value.detach()
        return total, parts


def inputs_of(term: nn.Module) -> tuple[str, ...]:
    """The images that a loss is called with, in that order."""
    return tuple(getattr(term, "inputs", ("sr", "hr")))
