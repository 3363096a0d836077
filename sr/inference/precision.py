"""In which precision networks compute."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

HALVES = {"fp16": torch.float16, "bf16": torch.bfloat16}
PRECISIONS = ("auto", "fp32", *HALVES)


@contextmanager
def full_float32() -> Iterator[None]:
    """While it lasts, convolutions on a GPU multiply whole float32 numbers; a decorator too.

    cuDNN's default is TF32, which keeps 10 of the 23 bits of the mantissa: an error of up to a thousandth, which 16-bit
    files and scores to four digits show. The switch is one for the whole process; training keeps the default.
    """
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
