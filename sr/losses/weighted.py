"""A weighted sum of named losses."""

from collections.abc import Mapping

import torch
import torch.nn as nn
from torch import Tensor

from sr.errors import UserError


class WeightedSum(nn.Module):
    """sum of weights[name] * terms[name](sr, hr). A weight of 0 means: computed for information only.

    Args:
        terms: name -> loss; the names are also those of the curves.
        weights: name -> weight, for the same names.

    Raises:
        UserError: terms and weights that do not name the same losses.
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

    def forward(self, sr: Tensor, hr: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum, with its gradient, and every term, unweighted and without one."""
        total = sr.new_zeros(())
        parts = {}
        for name, term in self.terms.items():
            with torch.set_grad_enabled(self.weights[name] != 0 and torch.is_grad_enabled()):
                value = term(sr, hr)
            if self.weights[name] != 0:
                total = total + self.weights[name] * value
            parts[name] = value.detach()
        return total, parts
