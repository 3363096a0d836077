"""What discriminators of convolutions share: their layers in order, and what feature matching looks at."""

from collections.abc import Iterable

import torch.nn as nn
from torch import Tensor

from sr.errors import UserError

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


def check_size(image: Tensor, least_px: int, name: str) -> None:
    """Refuse images, N C H W, that a discriminator cannot see.

    Raises:
        UserError: a side has fewer than `least_px` pixels.
    """
    height, width = image.shape[-2:]
    if min(height, width) < least_px:
        raise UserError(f"the {name} discriminator sees images of at least {least_px} pixels a side, not "
                        f"{height}x{width}; make data.crop_px larger")  # fmt: skip
