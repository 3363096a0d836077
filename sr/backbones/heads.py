"""The heads of LPIPS and DISTS: a learned weight for each channel of a feature network."""

from pathlib import Path

from torch import Tensor

from .pretrained import from_file, from_wheel


def lpips_heads(net: str) -> list[Tensor]:
    """The five heads of LPIPS v0.1 (`alex` or `vgg`), from the lpips wheel: a weight per channel each.

    Raises:
        MissingError: the wheel is not installed.
    """
    state = from_wheel("lpips", f"weights/v0.1/{net}.pth", "lpips")
    return [state[f"lin{i}.model.1.weight"].flatten() for i in range(5)]


def lpips_heads_of(weights: str | Path) -> list[Tensor] | None:
    """The heads that a file of weights holds as `lin0.weight` ... `lin4.weight`; None where it holds none."""
    state = from_file(weights)
    return [state[f"lin{i}.weight"].flatten() for i in range(5)] if "lin4.weight" in state else None


def dists_heads() -> tuple[Tensor, Tensor]:
    """Alpha and beta of DISTS, 1475 each, from the DISTS-pytorch wheel.

    Raises:
        MissingError: the wheel is not installed.
    """
    state = from_wheel("DISTS_pytorch", "weights.pt", "DISTS-pytorch")
    return state["alpha"].flatten(), state["beta"].flatten()
