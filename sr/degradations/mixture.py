"""Several degradations in one training: each sample is made by one of them."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn as nn
from torch import Tensor

from sr.errors import UserError

from .compose import Named
from .draws import of_sample
from .operator import Draw, pick, shares
from .pairs import lr_size


class Mixture(nn.Module):
    """One of several degradations for each sample.

    Args:
        name: what tables and cards call it.
        scale: of hr to lr.
        seed: of the choice.
        parts: name -> degradation.
        weights: name -> how likely it is; equally likely unless given.

    Raises:
        UserError: a part that sharpens targets, for `aim` would sharpen those of all; a mixture in a mixture that draws
            the same random numbers.
    """

    def __init__(
        self,
        name: str,
        scale: int,
        seed: int,
        parts: Mapping[str, nn.Module],
        weights: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.name, self.scale, self.seed = name, scale, seed
        self.parts = Named(parts)
        if sharpened := [name for name, part in parts.items() if getattr(part, "sharpen", None) is not None]:
            raise UserError(
                f"parts {sharpened} of a mixture sharpen targets, and the others do not; leave sharpen null"
            )
        if alike := [name for name, part in parts.items() if isinstance(part, Mixture) and part.seed == seed]:
            raise UserError(f"parts {alike} of a mixture are mixtures of its own seed, {seed}, and would choose by the "
                            "same random number; give each another seed")  # fmt: skip
        self.weights = shares("weights", weights or dict.fromkeys(parts, 1.0), list(parts))

    @property
    def protocol(self) -> str:
        """How lr is made, for the header of a table."""
        parts = ", ".join(f"{name} {100 * share:.0f} %" for name, share in self.weights.items())
        return f"degraded as {self.name} ({parts}) with seed {self.seed}, each image by its number"

    def chosen(self, n: int) -> str:
        """The name of the part that makes sample `n`: by a generator that none of them draws from."""
        return pick(of_sample(self.seed + 1, int(n)), self.weights)

    def draws(self, n: int) -> list[tuple[str, Draw]]:
        """What is done to sample `n`: see `Chain.draws`."""
        name = self.chosen(n)
        draws = getattr(self.parts[name], "draws", None)
        return [(f"{name}.{step}", draw) for step, draw in draws(n)] if draws else [(name, {})]

    def forward(self, hr: Tensor, n: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """N C sH sW in [0, 1] to N C H W in [0, 1], and the target; see `Chain`."""
        height, width = lr_size(hr, self.scale)
        lr, target = hr.new_empty(*hr.shape[:2], height, width), hr.clone()
        chosen = [self.chosen(int(i)) for i in n]
        for name in self.weights:
            if here := [i for i, other in enumerate(chosen) if other == name]:
                lr[here], target[here] = self.parts[name](hr[here], torch.as_tensor(n)[here])
        return lr, target
