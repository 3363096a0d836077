"""Graphs in ONNX files, run by onnxruntime."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sr.errors import optional, reason

from .model import SIDES_PX, Model, Run, tried
from .reading import UnusableWeights
from .store import trained_range
from .windows import of_any_size


def load(path: Path, device: torch.device) -> Model:
    """The graph of an `.onnx` file: one image N C H W to N C sH sW.

    One that takes a single height and width is given larger images in windows of that size.

    Raises:
        MissingError: onnxruntime is not installed.
        UnusableWeights: it cannot run the graph, or the graph takes or makes something else.
    """
    onnxruntime = optional("onnxruntime", f"{path}: ONNX files need onnxruntime", "onnx")
    wanted = ["CPUExecutionProvider"] if device.type == "cpu" else ["CUDAExecutionProvider", "CPUExecutionProvider"]
    try:
        settings = onnxruntime.SessionOptions()
        settings.log_severity_level = 4  # what it has to say comes with the exception
        session = onnxruntime.InferenceSession(path, settings, providers=wanted)
    except Exception as error:
        raise UnusableWeights(f"{path}: no network that onnxruntime can run ({reason(error)})") from error
    takes, gives = session.get_inputs(), session.get_outputs()
    if len(takes) != 1 or len(gives) != 1 or len(takes[0].shape) != 4 or not isinstance(takes[0].shape[1], int):
        raise UnusableWeights(f"{path}: takes {[t.shape for t in takes]}; one image N C H W is needed")
    batch, channels, height, width = takes[0].shape
    dtype = {"tensor(float)": np.float32, "tensor(float16)": np.float16}.get(takes[0].type)
    if dtype is None:
        raise UnusableWeights(f"{path}: takes {takes[0].type}; float or float16 in [0, 1] is needed")

    def graph(lr: Tensor) -> Tensor:
        many = batch if isinstance(batch, int) else len(lr)
        made = []
        for part in lr.split(many):
            given = torch.cat([part, part[:1].expand(many - len(part), -1, -1, -1)])
            array = np.ascontiguousarray(given.cpu().numpy().astype(dtype))
            try:
                made.append(torch.from_numpy(session.run(None, {takes[0].name: array})[0][: len(part)]))
            except Exception as error:  # onnxruntime's own kinds have no other base
                size = f"{lr.shape[-1]}x{lr.shape[-2]}"
                raise UnusableWeights(f"{path}: its network fails on an image of {size} ({reason(error)})") from error
        return torch.cat(made).to(lr)

    run: Run = graph
    fixed = [side if isinstance(side, int) else None for side in (height, width)]
    sizes = [(fixed[0] or side, fixed[1] or side) for side in SIDES_PX]
    scale = tried(path, run, channels, device, sizes)
    header = session.get_modelmeta().custom_metadata_map  # of ours: what the weights' header said
    try:
        about: dict[str, Any] = {"range": json.loads(header.get("range", "null"))}
    except (ValueError, RecursionError):  # somebody else's
        about = {}
    note = ""
    if any(fixed):
        run = of_any_size(run, *sizes[-1], scale)
        note = f"takes images of {sizes[-1][1]}x{sizes[-1][0]} alone; others in windows of that size, which overlap"
    # The receptive field of a graph cannot be measured: it may replace NaN.
    return Model(run, scale, channels, None, bounded=False, range=trained_range(path, about), note=note)
