"""What discriminators of convolutions share: their layers in order, and what feature matching looks at."""

from collections.abc import Iterable

import torch.nn as nn
from torch import Tensor

Logits = Tensor | list[Tensor]  # a list where there are several scales
Answer = Logits | tuple[Logits, list[Tensor]]  # with the inner activations, where they are asked for


def run(layers: Iterable[nn.Module], x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Apply `layers` in order; also what every LeakyReLU among them gives."""
    inner = []
    for layer in layers:
        x = layer(x)
        if isinstance(layer, nn.LeakyReLU):
            inner.append(x)
    return x, inner
