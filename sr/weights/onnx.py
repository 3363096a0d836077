"""Graphs in ONNX files, run by onnxruntime."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sr.errors import UserError, optional, reason

from .model import Model
from .store import UnusableWeights, trained_range


def load(path: Path, device: torch.device) -> Model:
    """The graph of an `.onnx` file; it must take one image N C H W of any height and width.

    Raises:
        MissingError: onnxruntime is not installed.
        UnusableWeights: it cannot run the graph, or the graph takes something else.
    """
    onnxruntime = optional("onnxruntime", f"{path}: ONNX files need onnxruntime", "onnx")
    wanted = ["CPUExecutionProvider"] if device.type == "cpu" else ["CUDAExecutionProvider", "CPUExecutionProvider"]
    try:
        session = onnxruntime.InferenceSession(path, providers=wanted)
    except Exception as error:
        raise UnusableWeights(f"{path}: no network that onnxruntime can run ({reason(error)})") from error
    takes, gives = session.get_inputs(), session.get_outputs()
    shape: list[Any] = takes[0].shape
    if len(takes) != 1 or len(gives) != 1 or len(shape) != 4 or not isinstance(shape[1], int):
        raise UnusableWeights(f"{path}: takes {[t.shape for t in takes]}; one image N C H W is needed")
    if isinstance(shape[2], int) or isinstance(shape[3], int):
        raise UnusableWeights(
            f"{path}: takes images of {shape[3]}x{shape[2]} alone; export it with dynamic height and width"
        )
    dtype = {"tensor(float)": np.float32, "tensor(float16)": np.float16}.get(takes[0].type)
    if dtype is None:
        raise UnusableWeights(f"{path}: takes {takes[0].type}; float or float16 in [0, 1] is needed")

    def run(lr: Tensor) -> Tensor:
        try:
            sr = session.run(None, {takes[0].name: np.ascontiguousarray(lr.cpu().numpy().astype(dtype))})[0]
        except Exception as error:  # onnxruntime's own kinds have no other base
            raise UserError(f"{path}: fails on an image of {lr.shape[-1]}x{lr.shape[-2]} ({reason(error)})") from error
        return torch.from_numpy(sr).to(lr)

    probe = run(torch.zeros(1, shape[1], 16, 16))
    header = session.get_modelmeta().custom_metadata_map  # of ours: what the weights' header said
    try:
        about = {"range": json.loads(header.get("range", "null"))}
    except ValueError:  # somebody else's
        about = {}
    # The receptive field of a graph cannot be measured: it may replace NaN.
    return Model(run, probe.shape[-1] // 16, shape[1], None, bounded=False, range=trained_range(about))
