"""Networks that do something, and what tests of several files ask."""

import pytest
import torch
import torch.nn as nn

from sr.errors import UserError
from sr.generators import Compact
from sr.inference.enlarger import Enlarger
from sr.inference.models import load

ABOUT = {
    "generator": "Compact",
    "arguments": {"scale": 2, "channels": 3, "width": 4, "depth": 2},
    "scale": 2,
    "channels": 3,
}


def spread(network: nn.Module) -> nn.Module:
    """Random weights, also where training starts from zero, such that far pixels matter and outputs are near 1."""
    torch.manual_seed(0)
    for parameter in network.parameters():
        if parameter.ndim == 4:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    return network.eval().requires_grad_(False)


@pytest.fixture
def compact() -> nn.Module:
    return spread(Compact(**ABOUT["arguments"]))


@pytest.fixture
def lr(hr) -> torch.Tensor:
    """A part of the face, 1 3 43 59: sides that no tile divides."""
    return hr[..., 20:63, 30:89].contiguous()


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-5) -> bool:
    return a.shape == b.shape and bool((a - b).abs().max() <= tolerance)


def refused(path, scale: int = 2) -> str:
    """Why `path` cannot be used, in one line that names it."""
    with pytest.raises(UserError) as refusal:
        load(path, scale)
    reason = str(refusal.value)
    assert str(path) in reason
    assert "\n" not in reason
    return reason


def counted(enlarge: Enlarger) -> list[tuple[int, int]]:
    """Sizes of what the network is given from now on, apart from what it is measured with."""
    enlarge.reach_px, enlarge.bytes_per_pixel  # measured now
    shapes, run = [], enlarge.run
    enlarge.run = lambda lr: shapes.append(tuple(lr.shape[-2:])) or run(lr)
    return shapes
