"""A network in other formats: written, read back and compared. `export` is the door for all of them."""

import json
import logging
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
import torch.nn as nn

from sr.atomic import replacing
from sr.errors import MissingError, UserError, reason

from ..community import who_opens
from .equality import TOLERANCE, compare, table, takes_several
from .writers import SUFFIX, WRITERS

OPSET = 18

__all__ = ["OPSET", "SUFFIX", "export", "table"]


def export(
    generator: nn.Module, about: dict[str, Any], to: str, target: Path, half: bool = False, opset: int = OPSET
) -> dict[str, Any]:
    """Write `generator` in another format, read it back, and compare both on three sizes.

    Args:
        generator: of the weights, in eval mode.
        about: their header; it is written into the file too.
        to: onnx, torchscript, pt2, safetensors, pth or ncnn.
        target: the file; ncnn's .bin goes beside its .param.
        half: weights and images in half precision.
        opset: of ONNX.

    Returns:
        The report: what, and for each size the largest and mean difference in [0, 1] and the milliseconds of both;
        whether it takes several images at once or one; for state dicts also who opens them.

    Raises:
        UserError: a package that is missing, or a network that the format cannot hold.
    """
    made = type(generator)(**about["arguments"]).eval().requires_grad_(False)
    made.load_state_dict(generator.state_dict())
    made = made.half() if half else made
    example = torch.rand(1, about["channels"], 24, 32, dtype=torch.half if half else torch.float32)
    header = {key: json.dumps(value) for key, value in about.items()}
    try:
        with replacing(target) as temporary, warnings.catch_warnings(), ExitStack() as undo:
            undo.callback(logging.disable, logging.root.manager.disable)
            logging.disable()  # tracebacks of attempts, too
            undo.callback(lambda: temporary.with_suffix(".bin").unlink(missing_ok=True))
            warnings.simplefilter("ignore")  # exporters warn of themselves
            run = WRITERS[to](made, example, temporary, header, opset)
            told: dict[str, Any] = {
                "weights": about,
                "to": to,
                "half": half,
                "tolerance": TOLERANCE[half],
                "torch": torch.__version__,
            }
            told |= {"opset": opset} if to == "onnx" else {}
            told["sizes"] = compare(generator, run, about["channels"], half)
            told["images"] = "several" if takes_several(generator, run, about["channels"], half) else "one"
            if to == "ncnn":  # of two files
                temporary.with_suffix(".bin").replace(target.with_suffix(".bin"))
    except ImportError as error:
        raise MissingError(f"--to {to} needs a package that is not installed ({reason(error)}): "
                           "pip install 'sr[export]'") from error  # fmt: skip
    except UserError:
        raise
    except Exception as error:  # exporters raise whatever they meet
        raise UserError(f"{target}: {to} cannot be made of this network ({reason(error)})") from error
    if to in ("pth", "safetensors"):
        told["opens"] = who_opens(target)
    told["equal"] = all(size["max"] <= TOLERANCE[half] for size in told["sizes"])
    return told
