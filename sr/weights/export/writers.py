"""Writers of other formats: each writes a network and returns how the written file runs, read back."""

import ctypes
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from sr.errors import UserError
from sr.weights import store as weights

from .equality import SIZES, Run

SUFFIX = {"onnx": ".onnx", "torchscript": ".torchscript", "pt2": ".pt2", "safetensors": ".safetensors",
          "ncnn": ".param", "pth": ".pth"}  # fmt: skip


def _of_any_size(export: Callable[[Tensor, tuple[dict[int, Any], ...]], Any], example: Tensor) -> Any:
    """What `export` makes of an example and of the sizes that are free: height, width, and where the network allows it
    the number of images.
    """
    free = {2: torch.export.Dim("height", min=2), 3: torch.export.Dim("width", min=2)}
    try:
        return export(torch.cat([example, example]), ({0: torch.export.Dim("images"), **free},))
    except Exception:  # whatever an exporter raises; of one image it says what is wrong
        return export(example, (free,))


def _onnx(network: nn.Module, example: Tensor, path: Path, header: dict[str, str], opset: int) -> Run:
    import onnx
    import onnxruntime

    program = _of_any_size(
        lambda example, free: torch.onnx.export(
            network, (example,), dynamo=True, opset_version=opset, input_names=["lr"], output_names=["sr"],
            dynamic_shapes=free, verbose=False,
        ), example,
    )  # fmt: skip
    assert program is not None
    model = program.model_proto
    for key, value in header.items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model)
    made = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if made != opset:
        raise UserError(f"--opset {opset}: torch makes {made} of this network and cannot convert it; give {made}")
    path.write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda lr: torch.from_numpy(session.run(None, {"lr": lr.numpy()})[0])


def _torchscript(network: nn.Module, example: Tensor, path: Path, header: dict[str, str], _: int) -> Run:
    traced = torch.jit.trace(network, example)
    buffer = BytesIO()  # torch takes not every file name
    torch.jit.save(traced, buffer, _extra_files={"header.json": json.dumps(header)})
    path.write_bytes(buffer.getvalue())
    return torch.jit.load(BytesIO(path.read_bytes()))


def _pt2(network: nn.Module, example: Tensor, path: Path, header: dict[str, str], _: int) -> Run:
    program = _of_any_size(lambda example, free: torch.export.export(network, (example,), dynamic_shapes=free), example)
    buffer = BytesIO()
    torch.export.save(program, buffer, extra_files={"header.json": json.dumps(header)})
    path.write_bytes(buffer.getvalue())
    return torch.export.load(BytesIO(path.read_bytes())).module()


def _safetensors(network: nn.Module, example: Tensor, path: Path, header: dict[str, str], _: int) -> Run:
    about = {key: json.loads(value) for key, value in header.items()}
    weights.save(path, network, about)
    back = weights.load(path)[0].to(example.dtype)
    return back


def _pth(network: nn.Module, example: Tensor, path: Path, _: dict[str, str], __: int) -> Run:
    """A state dict under `params`, as BasicSR writes it; it holds no header, the report does."""
    state = {key: value.contiguous() for key, value in network.state_dict().items()}
    torch.save({"params": state}, buffer := BytesIO())  # of which not even the file's name is kept
    path.write_bytes(buffer.getvalue())
    back = deepcopy(network)
    back.load_state_dict(torch.load(path, weights_only=True)["params"])
    return back


def _ncnn(network: nn.Module, example: Tensor, path: Path, _: dict[str, str], __: int) -> Run:
    """A .param and a .bin; they hold no header, the report does."""
    import ncnn
    import numpy as np
    import pnnx

    half = example.dtype == torch.half
    images = [torch.rand(1, example.shape[1], *size) for size in SIZES[:2]]  # two sizes: then all are free
    with TemporaryDirectory() as folder, _silence():
        pnnx.export(network.float(), f"{folder}/model.pt", (images[0],), inputs2=(images[1],), fp16=half)
        for suffix in (".param", ".bin"):
            path.with_suffix(suffix).write_bytes(Path(folder, f"model.ncnn{suffix}").read_bytes())
    net = ncnn.Net()
    # The file holds halves or floats; computing in halves is for those who run it to choose.
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    if net.load_param(str(path.with_suffix(".param"))) or net.load_model(str(path.with_suffix(".bin"))):
        raise UserError("ncnn lacks a layer of this network; choose another format, such as onnx")

    def run(lr: Tensor) -> Tensor:
        image = lr[0].float().numpy()  # which a Mat points into and does not keep alive
        with net.create_extractor() as extractor:
            extractor.input("in0", ncnn.Mat(image).clone())
            return torch.from_numpy(np.array(extractor.extract("out0")[1]))[None]

    return run


@contextmanager
def _silence() -> Iterator[None]:
    """Nothing on the screen, from programs that write to it by themselves either."""
    sys.stdout.flush()
    saved, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        ctypes.CDLL(None).fflush(None)  # what C still holds back
        os.dup2(saved, 1)
        os.close(saved)
        os.close(nowhere)


WRITERS = {"onnx": _onnx, "torchscript": _torchscript, "pt2": _pt2, "safetensors": _safetensors, "ncnn": _ncnn,
           "pth": _pth}  # fmt: skip
