import json
import zipfile
from io import BytesIO

import pytest
import torch
import torch.nn as nn

from sr.inference.models import load
from sr.weights import export, store

from ..inference.conftest import ABOUT, close, refused


@pytest.mark.parametrize("name", ["a.torchscript", "a.pt", "a.pth"])
def test_a_program_gives_what_the_network_gives(tmp_path, compact, lr, name):
    torch.jit.save(torch.jit.trace(compact, lr), buffer := BytesIO())
    (tmp_path / name).write_bytes(buffer.getvalue())
    enlarge = load(tmp_path / name, 2)
    assert close(enlarge(lr).clamp(0, 1), compact(lr).clamp(0, 1))
    assert (enlarge.scale, enlarge.channels) == (2, 3)
    assert enlarge.network is not None  # an architecture that spandrel knows


def test_an_export_of_ours_says_what_it_is(tmp_path):
    """Gray, trained for values of its own, and unknown to spandrel."""
    network = nn.Upsample(scale_factor=2)
    network.weight = nn.Parameter(torch.ones(1))
    header = {"channels": "1", "range": json.dumps({"low": -1000, "high": 3000})}
    told = {"header.json": json.dumps(header)}
    torch.jit.save(torch.jit.script(network), tmp_path / "a.torchscript", _extra_files=told)
    enlarge = load(tmp_path / "a.torchscript", 2)
    assert (enlarge.channels, enlarge.parameters, enlarge.network) == (1, 1, None)
    assert enlarge.range.low == (-1000,)


class Four(nn.Module):
    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        assert lr.shape[1] == 4
        return lr


def test_how_many_channels_it_takes_is_tried(tmp_path):
    torch.jit.save(torch.jit.script(Four()), tmp_path / "a.torchscript")
    assert load(tmp_path / "a.torchscript", 1).channels == 4


def test_damage_and_a_mere_archive_are_refused(tmp_path):
    torch.jit.save(torch.jit.script(Four()), tmp_path / "a.torchscript")
    whole = (tmp_path / "a.torchscript").read_bytes()
    (tmp_path / "a.torchscript").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "a.torchscript")
    with zipfile.ZipFile(tmp_path / "b.torchscript", "w") as archive:
        archive.writestr("b/code/__torch__.py", "no program")
    assert "no TorchScript that can be run" in refused(tmp_path / "b.torchscript")


def test_its_weights_are_looked_at(tmp_path):
    network = Four()
    network.weight = nn.Parameter(torch.full((1,), torch.nan))
    torch.jit.save(torch.jit.script(network), tmp_path / "a.torchscript")
    assert "weight holds NaN or infinity" in refused(tmp_path / "a.torchscript")


def test_what_ours_write_is_read(tmp_path, compact, lr):
    store.save(tmp_path / "a.safetensors", compact, ABOUT)
    generator, about = store.load(tmp_path / "a.safetensors")
    export.export(generator, about, "torchscript", tmp_path / "b.torchscript", half=False)
    assert close(load(tmp_path / "b.torchscript")(lr).clamp(0, 1), compact(lr).clamp(0, 1))
