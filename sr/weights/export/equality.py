"""How equal an exported network is to the one that was trained."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from sr.errors import UserError

SIZES = ((16, 16), (37, 53), (64, 48))  # height and width of the images that both sides enlarge; primes among them
TOLERANCE = {False: 1e-4, True: 2e-2}  # largest difference in [0, 1]; of half precision, the wider one
Run = Callable[[Tensor], Tensor]


@torch.inference_mode()
def compare(generator: nn.Module, run: Run, channels: int, half: bool) -> list[dict[str, Any]]:
    """Both on the same noise, which is harder than a photograph."""
    found = []
    random = torch.Generator().manual_seed(0)
    for height, width in SIZES:
        lr = torch.rand(1, channels, height, width, generator=random)
        given = lr.half() if half else lr
        run(given)  # the first call of an engine prepares it
        began = perf_counter()
        sr = run(given).float()
        between = perf_counter()
        expected = generator(lr)
        ended = perf_counter()
        if sr.shape != expected.shape:
            raise UserError(
                f"the export makes {tuple(sr.shape)} of {tuple(lr.shape)}, {tuple(expected.shape)} is right"
            )
        if not sr.isfinite().all():
            raise UserError(
                "the export makes NaN or infinity of an image, and so does the network"
                if not expected.isfinite().all()
                else "the export makes NaN or infinity of an image where the network does not; leave out --half"
            )
        difference = (sr - expected).abs()
        found.append({"height": height, "width": width, "max": difference.max().item(),
                      "mean": difference.mean().item(), "ms": 1000 * (between - began),
                      "ms_torch": 1000 * (ended - between)})  # fmt: skip
    return found


@torch.inference_mode()
def takes_several(generator: nn.Module, run: Run, channels: int, half: bool) -> bool:
    """Whether the export enlarges two images at once, as the network does."""
    lr = torch.rand(2, channels, *SIZES[0], generator=torch.Generator().manual_seed(1))
    try:
        sr = run(lr.half() if half else lr).float()
    except Exception:  # whatever an engine raises
        return False
    expected = generator(lr)
    return sr.shape == expected.shape and bool((sr - expected).abs().max() <= TOLERANCE[half])


def table(told: dict[str, Any]) -> str:
    """The report as Markdown."""
    lines = [f"| input | max difference | mean | ms ({told['to']}) | ms (PyTorch) |", "|---|---:|---:|---:|---:|"]
    lines += [f"| {s['width']}x{s['height']} | {s['max']:.1e} | {s['mean']:.1e} | {s['ms']:.1f} | {s['ms_torch']:.1f} |"
              for s in told["sizes"]]  # fmt: skip
    return "\n".join(lines)
