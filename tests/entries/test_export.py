"""The real command, and what others make of the files."""

import json

import numpy as np
import pytest
import torch

from sr import generators
from sr.export import main
from sr.generators import Compact, SRResNet
from sr.inference import models
from sr.weights import export, states
from sr.weights import store as weights
from sr.weights.export.equality import SIZES, TOLERANCE


@pytest.fixture(params=["Compact", "SRResNet"])
def network(request, tmp_path):
    """Weights of a small network, none of them zero."""
    torch.manual_seed(0)
    arguments = {"scale": 2, "channels": 3, "width": 8}
    arguments |= {"depth": 2} if request.param == "Compact" else {"blocks": 1, "norm": True, "skip": True}
    generator = {"Compact": Compact, "SRResNet": SRResNet}[request.param](**arguments)
    for parameter in generator.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    about = {"generator": request.param, "arguments": arguments, "scale": 2, "channels": 3, "summary": "a small one"}
    weights.save(tmp_path / "small.safetensors", generator, about)
    return tmp_path / "small.safetensors"


def needs(to):
    for package in {"onnx": ["onnx", "onnxscript", "onnxruntime"], "ncnn": ["pnnx", "ncnn"]}.get(to, []):
        pytest.importorskip(package)


@pytest.mark.slow
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("to", sorted(export.SUFFIX))
def test_what_is_exported_equals_what_was_trained(network, to, half, tmp_path, capfd):
    needs(to)
    target = tmp_path / f"made{export.SUFFIX[to]}"
    status = main([str(network), "--to", to, "-o", str(target), *(["--half"] if half else [])])
    told, error = capfd.readouterr()
    assert status == 0, told + error
    report = json.loads((tmp_path / f"{target.name}.json").read_text())
    assert [(size["height"], size["width"]) for size in report["sizes"]] == list(SIZES)
    assert all(0 <= size["mean"] <= size["max"] <= TOLERANCE[half] for size in report["sizes"])
    assert report["equal"]
    assert report["images"] == ("one" if to == "ncnn" else "several")
    assert ("takes one image at a time" in told) == (to == "ncnn")
    assert report["weights"]["summary"] == "a small one"
    assert told.splitlines()[0].startswith("| input | max difference")  # exporters do not chatter
    made = {target.name, f"{target.name}.json", "small.safetensors"} | ({"made.bin"} if to == "ncnn" else set())
    assert {path.name for path in tmp_path.iterdir()} == made


MORE = {
    "EDSR": {"width": 8, "blocks": 1},
    "RLFN": {"width": 8, "blocks": 1},
    "RRDBNet": {"width": 8, "blocks": 1, "growth": 4},
    "SPAN": {"width": 8, "norm": False},
    "Spandrel": {"architecture": "RealPLKSR", "arguments": {"dim": 16, "n_blocks": 1}},
}


@pytest.mark.slow
@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("name", MORE)
def test_every_generator_becomes_onnx(tmp_path, name, scale):
    needs("onnx")
    if name == "Spandrel":
        pytest.importorskip("spandrel")
    torch.manual_seed(0)
    arguments = MORE[name] | {"scale": scale}
    about = {"generator": name, "arguments": arguments, "scale": scale, "channels": 3}
    weights.save(tmp_path / "a.safetensors", getattr(generators, name)(**arguments), about)
    assert main([str(tmp_path / "a.safetensors"), "--to", "onnx", "-o", str(tmp_path / "a.onnx")]) == 0


@pytest.mark.slow
def test_onnx_is_a_model_of_ours_elsewhere(network, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    target = tmp_path / "made.onnx"
    assert main([str(network), "--to", "onnx", "-o", str(target), "--opset", "18"]) == 0
    model = onnx.load(target)
    assert model.opset_import[0].version == 18
    assert json.loads({p.key: p.value for p in model.metadata_props}["summary"]) == "a small one"
    lr = torch.rand(1, 3, 19, 23)
    expected = models.load(network)(lr)
    torch.testing.assert_close(models.load(target)(lr), expected, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_an_older_opset_is_refused_in_a_sentence(network, tmp_path, capfd):
    needs("onnx")
    assert main([str(network), "--to", "onnx", "-o", str(tmp_path / "made.onnx"), "--opset", "13"]) == 1
    told = capfd.readouterr().err
    assert told == "error: --opset 13: torch makes 18 of this network and cannot convert it; give 18\n"
    assert [path.name for path in tmp_path.iterdir()] == ["small.safetensors"]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(weights.bundled()))
def test_spandrel_opens_what_we_ship_and_makes_the_same_of_it(name, face):
    """What it does not know, Residual, it refuses; the cards say so, and that ONNX goes there."""
    spandrel = pytest.importorskip("spandrel")
    file, ours = weights.bundled()[name], models.load(name)
    if weights.load(file)[1]["generator"] == "Residual":
        with pytest.raises(spandrel.UnsupportedModelError):
            spandrel.ModelLoader().load_from_file(file)
        return
    theirs = spandrel.ModelLoader().load_from_file(file).eval()
    assert (theirs.scale, theirs.input_channels) == (ours.scale, 3)
    lr = face[None, :, :40, :56] / 255
    with torch.inference_mode():
        torch.testing.assert_close(theirs(lr), ours(lr).clamp(0, 1), atol=1e-6, rtol=0)


@pytest.mark.parametrize("to", ["pth", "safetensors"])
def test_community_weights_are_exported_too(tmp_path, capsys, to):
    """From a .pth of another project to one of ours, which spandrel opens, and into training."""
    spandrel = pytest.importorskip("spandrel")
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(0)
    theirs = ESRGAN(num_filters=8, num_blocks=1, scale=2)
    torch.save({"params_ema": theirs.state_dict()}, tmp_path / "theirs.pth")
    target = tmp_path / f"made{export.SUFFIX[to]}"
    assert main([str(tmp_path / "theirs.pth"), "--to", to, "-o", str(target)]) == 0
    assert "spandrel opens it as ESRGAN" in capsys.readouterr().out
    made, lr = states.of_generator(str(target)), torch.rand(1, 3, 9, 11)
    assert all(torch.equal(value, made[key]) for key, value in theirs.state_dict().items())
    again = spandrel.ModelLoader().load_from_file(target).eval()
    assert torch.allclose(again(lr), models.load(target)(lr).clamp(0, 1), atol=1e-6)


@pytest.mark.parametrize("name", ["RRDBNet", "SPAN", "EDSR"])
def test_a_pth_of_ours_says_who_opens_it(tmp_path, capsys, name):
    """A plain state dict under `params`, as BasicSR's tools expect it."""
    pytest.importorskip("spandrel")
    arguments = {"RRDBNet": {"width": 8, "blocks": 1}, "SPAN": {"width": 8}, "EDSR": {"width": 8, "blocks": 1}}[name]
    generator = getattr(generators, name)(**arguments)
    about = {"generator": name, "arguments": arguments, "scale": 4, "channels": 3}
    weights.save(tmp_path / "ours.safetensors", generator, about)
    made = tmp_path / "made.pth"
    main([str(tmp_path / "ours.safetensors"), "--to", "pth", "-o", str(made)])
    told = {"RRDBNet": "opens it as ESRGAN", "SPAN": "opens it as SPAN", "EDSR": "does not know this network"}[name]
    assert f"spandrel {told}" in capsys.readouterr().out
    found = torch.load(made, weights_only=True)
    assert found.keys() == {"params"}
    assert found["params"].keys() == generator.state_dict().keys()


def test_an_unequal_export_is_told(network, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(export.WRITERS, "pt2", lambda network, *_: lambda lr: network(lr) + 0.01)
    assert main([str(network), "--to", "pt2", "-o", str(tmp_path / "made.pt2")]) == 1
    assert "differs by more than 0.0001; do not use it" in capsys.readouterr().err
    assert not json.loads((tmp_path / "made.pt2.json").read_text())["equal"]


@pytest.mark.parametrize(("factor", "why"), [(1e6, "where the network does not; leave out --half"),
                                              (3e38, "and so does the network")])  # fmt: skip
def test_nothing_is_left_of_an_export_that_makes_nan(tmp_path, capsys, factor, why):
    network = Compact(scale=2, width=4, depth=1)
    network.body[-1].weight.data.fill_(1)
    network.body[0].weight.data.fill_(factor)
    about = {"generator": "Compact", "arguments": {"scale": 2, "width": 4, "depth": 1}}
    weights.save(tmp_path / "large.safetensors", network, about)
    half = ["--half"] if "half" in why else []
    assert main([str(tmp_path / "large.safetensors"), "--to", "pt2", "-o", str(tmp_path / "made.pt2"), *half]) == 1
    assert why in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["large.safetensors"]


def test_nothing_is_overwritten_or_left_half_done(network, tmp_path, monkeypatch, capsys):
    target = tmp_path / "made.safetensors"
    assert main([str(network), "--to", "safetensors", "-o", str(target)]) == 0
    before = target.read_bytes()
    assert main([str(network), "--to", "safetensors", "-o", str(target)]) == 1
    assert "--overwrite makes it anew" in capsys.readouterr().err
    monkeypatch.setitem(export.WRITERS, "pt2", missing)
    assert main([str(network), "--to", "pt2", "-o", str(tmp_path / "made.pt2")]) == 1
    assert "pip install 'sr[export]'" in capsys.readouterr().err
    assert target.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3


def missing(*_):
    raise ModuleNotFoundError("No module named 'pnnx'")


def test_weights_that_are_none_are_one_sentence(tmp_path, capsys):
    (tmp_path / "w.safetensors").write_bytes(np.random.default_rng(0).bytes(100))
    assert main([str(tmp_path / "w.safetensors"), "--to", "pt2"]) == 1
    assert capsys.readouterr().err.count("error: ") == 1
