"""Files of weights that are damaged, odd or made to harm: refused in a sentence, quickly and without memory, or right.

Each goes through the real command, on a picture of 20x24 pixels.
"""

import json
import os
import signal
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

from sr import export
from sr.errors import UserError
from sr.generators import Compact
from sr.judge.evaluation import load_models
from sr.upscale import main
from sr.weights import states
from tests import pictures

from ..inference.conftest import spread
from .test_onnx import graph

SECONDS, MEGABYTES = 5, 500
ABOUT = {"generator": "Compact", "arguments": {"scale": 2, "channels": 3, "width": 4, "depth": 1}, "scale": 2,
         "channels": 3}  # fmt: skip
RIGHT = ""
CPU = torch.device("cpu")


def compact() -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in spread(Compact(**ABOUT["arguments"])).state_dict().items()}


def with_value(value: float, key: str = "body.2.bias") -> dict[str, torch.Tensor]:
    state = compact()
    state[key][..., 0] = value
    return state


def ours(change=None, state=None, text=None, name="a.safetensors"):
    """A file like ours with a changed header."""

    def write(folder: Path) -> Path:
        header = {key: json.dumps(value) for key, value in (ABOUT | (change or {})).items() if value is not Ellipsis}
        save_file(compact() if state is None else state(), folder / name, header | (text or {}))
        return folder / name

    return write


def arguments(**changed):
    return ours({"arguments": ABOUT["arguments"] | changed})


def spandrel(architecture: str, **given):
    about = {"architecture": architecture, "scale": 2, "channels": 3, "arguments": given}
    return ours({"generator": "Spandrel", "arguments": about})


def raw(content: bytes, name: str = "a.safetensors"):
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def pickled(make, name: str = "a.pth"):
    def write(folder: Path) -> Path:
        torch.save(make(), folder / name)
        return folder / name

    return write


def renamed(old: str, new: str):
    return lambda: {key.replace(old, new): value for key, value in compact().items()}


def wide() -> dict[str, torch.Tensor]:
    """Four numbers that pretend to be 14 GB a layer."""
    one, width = torch.zeros(1), 20_000
    return {
        "body.0.weight": one.expand(width, 3, 3, 3), "body.0.bias": one.expand(width),
        "body.1.weight": one.expand(width),
        "body.2.weight": one.expand(width, width, 3, 3), "body.2.bias": one.expand(width),
        "body.3.weight": one.expand(width), "body.4.weight": one.expand(12, width, 3, 3), "body.4.bias": one.expand(12),
    }  # fmt: skip


def packed(folder: Path) -> Path:
    """A checkpoint whose archive is compressed: 2 MB that become 2 GB."""
    torch.save({"a": torch.zeros(1)}, folder / "plain.pth")
    with zipfile.ZipFile(folder / "plain.pth") as plain, zipfile.ZipFile(folder / "a.pth", "w") as archive:
        for part in plain.infolist():
            archive.writestr(part, plain.read(part))
        with archive.open(zipfile.ZipInfo("plain/data/1"), "w", force_zip64=True) as bomb:
            bomb._compressor = zipfile._get_compressor(zipfile.ZIP_DEFLATED)
            bomb._zinfo.compress_type = zipfile.ZIP_DEFLATED
            for _ in range(200):
                bomb.write(bytes(1_000_000))
    return folder / "a.pth"


def onnx(factor: float = 1.0, shape=(1, 3, "h", "w"), of=(1,)):
    def write(folder: Path) -> Path:
        constant = np.full(of, factor, np.float32)
        return graph(folder / "a.onnx", [shape], operation="Mul", constant=constant)

    return write


class Opens(torch.nn.Module):
    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        return lr + torch.from_file("trace", True, 1)


def script(make, name="a.torchscript"):
    def write(folder: Path) -> Path:
        torch.jit.save(torch.jit.script(make()), folder / name)
        return folder / name

    return write


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("trace",)


def folder_of(name: str):
    def write(folder: Path) -> Path:
        (folder / name).mkdir()
        return folder / name

    return write


def dangling(folder: Path) -> Path:
    (folder / "a.pth").symlink_to(folder / "nowhere.pth")
    return folder / "a.pth"


def esrgan(takes: int = 3, makes: int = 3, **given):
    def make():
        from spandrel.architectures.ESRGAN import ESRGAN

        return ESRGAN(in_nc=takes, out_nc=makes, num_filters=8, num_blocks=1, scale=2, **given).state_dict()

    return make


def lightning(make):
    return lambda: {
        "pytorch-lightning_version": "2.5", "epoch": 1,
        "state_dict": {f"net_g.{key}": value for key, value in make().items()} | {"net_d.weight": torch.ones(3)},
    }  # fmt: skip


CASES = {
    # ours
    "sound": (ours(), RIGHT),
    "half": (ours(state=lambda: {key: value.half() for key, value in compact().items()}), RIGHT),
    "double": (ours(state=lambda: {key: value.double() for key, value in compact().items()}), RIGHT),
    "bfloat16": (ours(state=lambda: {key: value.bfloat16() for key, value in compact().items()}), RIGHT),
    "no scale": (ours({"scale": ...}), RIGHT),
    "no channels": (ours({"channels": ...}), RIGHT),
    "NaN": (ours(state=lambda: with_value(float("nan"))), "body.2.bias holds NaN or infinity"),
    "infinity": (ours(state=lambda: with_value(float("inf"))), "body.2.bias holds NaN or infinity"),
    "overflow": (ours(state=lambda: with_value(3e38, "body.2.weight")), "makes NaN or infinity"),
    "depth": (arguments(depth=2_000_000), "'depth' is 2000000; numbers up to 65536"),
    "deep": (arguments(depth=60_000), "a network of more than"),
    "deeper": (arguments(depth=10**12), "numbers up to 65536"),
    "wide": (arguments(width=20_000), "size mismatch for body.0.weight"),
    "infinite width": (ours({"arguments": {"width": float("inf")}}), "'width' is inf; numbers up to 65536"),
    "half a width": (arguments(width=2.5), "do not fit the Compact"),
    "many": (ours({"arguments": {"width": list(range(20_000))}}), "more than 10000 arguments"),
    "another scale": (ours({"scale": 4}), "its header says scale 4, its Compact has 2"),
    "scale as text": (ours({"scale": "2"}), "its header says scale '2', its Compact has 2"),
    "scale as truth": (arguments(scale=True), "do not fit the Compact"),
    "another channels": (ours({"channels": 1}), "its header says channels 1, its Compact has 3"),
    "no arguments": (ours({"arguments": ...}), "'arguments' are None; a table of them is needed"),
    "arguments as list": (ours({"arguments": [1, 2]}), "'arguments' are [1, 2]; a table of them is needed"),
    "other code": (ours({"generator": "os.system"}), "generator 'os.system'; known are"),
    "range": (ours({"range": {"low": 3, "high": 3}}), "its header's range"),
    "no JSON": (ours(text={"data": "{"}), "not a weights file"),
    "nested": (ours(text={"data": "[" * 100_000}), "not a weights file"),
    "bytes": (ours(state=lambda: {k: v.to(torch.int8) for k, v in compact().items()}), "torch.int8, torch.float32"),
    "one tensor less": (ours(state=lambda: dict(list(compact().items())[1:])), "Missing key"),
    "one tensor more": (ours(state=lambda: compact() | {"c": torch.ones(1)}), "Unexpected key"),
    "no tensors": (ours(state=dict), "Missing key"),
    "spandrel wide": (spandrel("ESRGAN", num_filters=20_000), "numbers to build"),
    "spandrel deep": (spandrel("Compact", num_conv=60_000), "a network of more than"),
    "spandrel unknown": (spandrel("Nothing"), "architecture=Nothing: no such network"),
    "empty": (raw(b""), "not a weights file"),
    "text": (raw(b"version https://git-lfs.github.com/spec/v1\n" * 3), "not a weights file"),
    "header of exabytes": (raw((1 << 60).to_bytes(8, "little") + b"{}"), "not a weights file"),
    "header of 20 MB": (raw((20 << 20).to_bytes(8, "little") + b" " * (20 << 20)), "at most 17 are read"),
    # theirs
    "theirs": (pickled(compact), RIGHT),
    "theirs of Lightning": (pickled(lightning(compact), "a.ckpt"), RIGHT),
    "theirs in parallel": (pickled(renamed("body.", "module.body.")), RIGHT),
    "theirs of four channels": (pickled(esrgan(4, 4)), RIGHT),
    "theirs NaN": (pickled(lambda: with_value(float("nan"))), "body.2.bias holds NaN or infinity"),
    "theirs overflow": (pickled(lambda: with_value(3e38, "body.2.weight")), "makes NaN or infinity of a gray image"),
    "theirs deep": (pickled(renamed("body.4", "body.60000")), "a network of more than"),
    "theirs deeper": (pickled(renamed("body.4", "body.2000000")), "count layers up to 2000000"),
    "theirs wide": (pickled(wide), "MB, of which the file holds"),
    "theirs packed": (packed, "unpack to 200"),
    "sparse": (pickled(lambda: compact() | {"c": torch.eye(3).to_sparse()}), "torch.sparse_coo"),
    "meta": (pickled(lambda: compact() | {"c": torch.empty(1 << 40, device="meta")}), "on meta"),
    "complex": (pickled(lambda: compact() | {"c": torch.ones(1) * 1j}), "torch.complex64"),
    "a list": (pickled(lambda: [torch.ones(1)]), "no state dict"),
    "text in a dict": (pickled(lambda: {"params": "no"}), "no state dict"),
    "a bomb": (pickled(lambda: {"params": compact(), "x": Bomb()}), "it names posix.mkdir, which is no tensor"),
    "unknown": (pickled(lambda: torch.nn.Linear(3, 3).state_dict()), "no network that spandrel knows (its tensors are"),
    "gray to colour": (pickled(esrgan(1, 3)), "this ESRGAN makes 3 channels of 1"),
    "an empty pth": (raw(b"", "a.pth"), "not a checkpoint"),
    "half a pth": (raw(b"PK\x03\x04" + bytes(100), "a.pth"), "not a checkpoint"),
    "no about": (pickled(lambda: {"about": {}, "state_dict": {}}, "a.ckpt"), "its header names the generator None"),
    "our NaN": (
        pickled(lambda: {"about": ABOUT, "state_dict": {
            f"generator_ema.{key}": value for key, value in with_value(float("nan")).items()}}, "a.ckpt"),
        "body.2.bias holds NaN or infinity",
    ),
    # graphs and programs
    "onnx": (onnx(), RIGHT),
    "onnx NaN": (onnx(float("nan")), "makes NaN or infinity of a gray image"),
    "onnx that fails later": (onnx(of=(1, 1, 16, 16)), "in.png: {file}: its network fails on an image of 24x20"),
    "onnx of one size": (onnx(shape=(1, 3, 16, 16)), RIGHT),
    "onnx text": (raw(b"no graph" * 9, "a.onnx"), "no network that onnxruntime can run"),
    "onnx empty": (raw(b"", "a.onnx"), "no network that onnxruntime can run"),
    "script": (script(lambda: torch.nn.Upsample(scale_factor=2)), RIGHT),
    "script that opens files": (script(Opens), "its program opens files"),
    "script that makes no image": (script(torch.nn.Flatten), "its network makes"),
    "script text": (raw(b"no program" * 9, "a.torchscript"), "a.torchscript"),
    # no files
    "a folder": (folder_of("a.pth"), "holds no weights"),
    "a dangling link": (dangling, "no such file"),
    "another suffix": (raw(b"", "a.bin"), "not a model"),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _loaded():
    pytest.importorskip("spandrel")
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")


def peak_mb() -> tuple[float, float]:
    """Memory of this process, and the most it has been since `peak_anew`."""
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(int(fields[key].split()[0]) / 1e3 for key in ("VmRSS", "VmHWM"))


def peak_anew() -> float:
    Path("/proc/self/clear_refs").write_text("5")
    return peak_mb()[0]


def told_of(file: Path, folder: Path, capsys) -> tuple[int, str, Path]:
    """Status, what is said, and what is made."""
    pictures.write(folder / "in.png", np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8))
    capsys.readouterr()
    status = main([str(folder / "in.png"), "-o", str(folder / "out.png"), "--model", str(file), "--device", "cpu"])
    return status, capsys.readouterr().err, folder / "out.png"


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="memory is measured on Linux alone")
@pytest.mark.parametrize("name", CASES)
def test_a_file_is_refused_in_a_sentence_or_right(name, tmp_path, monkeypatch, capsys):
    write, why = CASES[name]
    file = write(tmp_path)
    monkeypatch.chdir(tmp_path)
    before, began = peak_anew(), time.monotonic()
    signal.alarm(60)  # ends all, rather than never
    status, told, made = told_of(file, tmp_path, capsys)
    signal.alarm(0)
    assert time.monotonic() - began < SECONDS
    assert peak_mb()[1] - before < MEGABYTES
    assert not (tmp_path / "trace").exists()
    if why == RIGHT:
        assert status == 0, told
        assert pictures.read(made).shape[2] == 3
        assert pictures.read(made).std() > 1
        return
    assert status == 1
    assert not made.exists()
    assert why.format(file=file) in told, told
    assert len(told.splitlines()) == 1
    assert told.startswith(("error: ", "failed: "))
    assert str(file.name) in told or "network a " in told


def test_there_are_many():
    assert len(CASES) >= 30


@pytest.mark.parametrize("door", ["export", "evaluate", "init_from"])
@pytest.mark.parametrize("name", ["NaN", "theirs NaN", "theirs wide", "a bomb", "our NaN", "header of exabytes"])
def test_the_other_doors_refuse_it_too(name, door, tmp_path, monkeypatch, capsys):
    write, why = CASES[name]
    file = write(tmp_path)
    monkeypatch.chdir(tmp_path)
    if door == "export":
        assert export.main([str(file), "--to", "safetensors", "-o", str(tmp_path / "made.safetensors")]) == 1
        told = capsys.readouterr().err
        assert told.startswith("error: ")
        assert len(told.splitlines()) == 1
    else:
        config = OmegaConf.load(Path(__file__).parents[2] / "conf" / "evaluate.yaml")
        config.model, config.scale, config.channels = str(file), 2, 3
        with pytest.raises(UserError) as refusal:
            load_models(config, CPU) if door == "evaluate" else states.of_generator(str(file))
        told = str(refusal.value)
    assert why in told
    assert str(file) in told
    assert not (tmp_path / "made.safetensors").exists()
    assert not (tmp_path / "trace").exists()
