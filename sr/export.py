"""Take a network elsewhere: `python -m sr.export WEIGHTS --to onnx`, with a report of how equal it is."""

import argparse
import ctypes
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from sr.atomic import replacing, write_text
from sr.errors import MissingError, UserError, reason
from sr.weights import store as weights

SIZES = ((16, 16), (37, 53), (64, 48))  # height and width of the images that both sides enlarge; primes among them
TOLERANCE = {False: 1e-4, True: 2e-2}  # largest difference in [0, 1]; of half precision, the wider one
SUFFIX = {"onnx": ".onnx", "torchscript": ".torchscript", "pt2": ".pt2", "safetensors": ".safetensors",
          "ncnn": ".param"}  # fmt: skip
OPSET = 18
Run = Callable[[Tensor], Tensor]


def main(arguments: list[str] | None = None) -> int:
    """Export and compare; returns the exit status: 1 where the result is not equal."""
    options = parser().parse_args(arguments)
    try:
        generator, about = weights.load(options.weights)
        target = options.out or Path(f"{weights.find(options.weights).stem}{SUFFIX[options.to]}")
        if options.to == "ncnn" and target.suffix != ".param":
            raise UserError(f"{target}: ncnn has two files, NAME.param and NAME.bin; give -o NAME.param")
        for file in (target, *([target.with_suffix(".bin")] if options.to == "ncnn" else [])):
            if file.exists() and not options.overwrite:
                raise UserError(f"{file} exists; --overwrite makes it anew")
        told = export(generator, about, options.to, target, options.half, options.opset)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_text(target.with_name(f"{target.name}.json"), json.dumps(told, indent=1) + "\n")
    print(table(told))
    print(f"{target}; the report is {target}.json")
    if not told["equal"]:
        print(f"error: {target} differs by more than {told['tolerance']}; do not use it", file=sys.stderr)
        return 1
    return 0


def export(
    generator: nn.Module, about: dict[str, Any], to: str, target: Path, half: bool = False, opset: int = OPSET
) -> dict[str, Any]:
    """Write `generator` in another format, read it back, and compare both on three sizes.

    Args:
        generator: of the weights, in eval mode.
        about: their header; it goes along.
        to: onnx, torchscript, pt2, safetensors or ncnn.
        target: the file; ncnn's .bin goes beside its .param.
        half: weights and images in half precision.
        opset: of ONNX.

    Returns:
        The report: what, and for each size the largest and mean difference in [0, 1] and the milliseconds of both.

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
            if to == "ncnn":  # of two files
                temporary.with_suffix(".bin").replace(target.with_suffix(".bin"))
    except ImportError as error:
        raise MissingError(f"--to {to} needs a package that is not installed ({reason(error)}): "
                           "pip install 'sr[export]'") from error  # fmt: skip
    except UserError:
        raise
    except Exception as error:  # exporters raise whatever they meet
        raise UserError(f"{target}: {to} cannot be made of this network ({reason(error)})") from error
    told["equal"] = all(size["max"] <= TOLERANCE[half] for size in told["sizes"])
    return told


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
        difference = (sr - expected).abs()
        found.append({"height": height, "width": width, "max": difference.max().item(),
                      "mean": difference.mean().item(), "ms": 1000 * (between - began),
                      "ms_torch": 1000 * (ended - between)})  # fmt: skip
    return found


def table(told: dict[str, Any]) -> str:
    """The report as Markdown."""
    lines = [f"| input | max difference | mean | ms ({told['to']}) | ms (PyTorch) |", "|---|---:|---:|---:|---:|"]
    lines += [f"| {s['width']}x{s['height']} | {s['max']:.1e} | {s['mean']:.1e} | {s['ms']:.1f} | {s['ms_torch']:.1f} |"
              for s in told["sizes"]]  # fmt: skip
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    p = argparse.ArgumentParser(prog="python -m sr.export", description=__doc__)
    p.add_argument("weights", help="a .safetensors or .ckpt, the folder of a run, or a model that comes along")
    p.add_argument("--to", required=True, choices=sorted(SUFFIX))
    p.add_argument("-o", "--out", type=Path, help="the file (here, named after the weights)")
    p.add_argument("--half", action="store_true", help="in half precision")
    p.add_argument("--opset", type=int, default=OPSET, help=f"of ONNX ({OPSET})")
    p.add_argument("--overwrite", action="store_true", help="make anew what is there already")
    return p


def _free(example: Tensor) -> tuple[dict[int, Any], ...]:
    """Height and width of the image are free."""
    return ({2: torch.export.Dim("height", min=2), 3: torch.export.Dim("width", min=2)},)


def _onnx(network: nn.Module, example: Tensor, path: Path, header: dict[str, str], opset: int) -> Run:
    import onnx
    import onnxruntime

    program = torch.onnx.export(network, (example,), dynamo=True, opset_version=opset, input_names=["lr"],
                                output_names=["sr"], dynamic_shapes=_free(example), verbose=False)  # fmt: skip
    assert program is not None
    model = program.model_proto
    for key, value in header.items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model)
    made = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if made != opset:
        raise UserError(f"--opset {opset}: torch makes {made} of this network; give that")
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
    program = torch.export.export(network, (example,), dynamic_shapes=_free(example))
    buffer = BytesIO()
    torch.export.save(program, buffer, extra_files={"header.json": json.dumps(header)})
    path.write_bytes(buffer.getvalue())
    return torch.export.load(BytesIO(path.read_bytes())).module()


def _safetensors(network: nn.Module, example: Tensor, path: Path, header: dict[str, str], _: int) -> Run:
    about = {key: json.loads(value) for key, value in header.items()}
    weights.save(path, network, about)
    back = weights.load(path)[0].to(example.dtype)
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
    net.load_param(str(path.with_suffix(".param")))
    net.load_model(str(path.with_suffix(".bin")))

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


WRITERS = {"onnx": _onnx, "torchscript": _torchscript, "pt2": _pt2, "safetensors": _safetensors, "ncnn": _ncnn}


if __name__ == "__main__":
    sys.exit(main())
