import sys
import warnings

import numpy as np
import pytest
import torch
import torch.nn as nn

from sr.errors import UserError
from sr.inference.models import load

from ..inference.conftest import close, refused


def exported(network: nn.Module, path, free: bool = True):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    axes = {"x": {0: "n", 2: "h", 3: "w"}, "y": {0: "n", 2: "sh", 3: "sw"}} if free else None
    with warnings.catch_warnings(action="ignore"):  # of the older exporter, which needs no package more
        torch.onnx.export(
            network, (torch.rand(1, 3, 16, 16),), path, input_names=["x"], output_names=["y"], dynamic_axes=axes,
            dynamo=False,
        )  # fmt: skip
    return path


def graph(path, shapes, dtype="FLOAT", operation="Identity", constant=None):
    """A network of one operation, on inputs of `shapes`."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    kind, helper = getattr(onnx.TensorProto, dtype), onnx.helper
    inputs = [helper.make_tensor_value_info(f"x{i}", kind, shape) for i, shape in enumerate(shapes)]
    names, constants = [value.name for value in inputs], []
    if constant is not None:
        names.append("c")
        constants.append(onnx.numpy_helper.from_array(constant, "c"))
    node = helper.make_node(operation, names, ["y"])
    made = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("y", kind, None)], constants)
    opset = [helper.make_opsetid("", 17)]
    path.write_bytes(helper.make_model(made, opset_imports=opset, ir_version=8).SerializeToString())
    return path


def test_an_onnx_file_gives_what_the_network_gives(tmp_path, compact, lr):
    enlarge = load(exported(compact, tmp_path / "net.onnx"), 2)
    assert close(enlarge(lr), compact(lr))
    assert close(enlarge(lr[..., :19, :17].expand(2, -1, -1, -1)), compact(lr[..., :19, :17]).expand(2, -1, -1, -1))
    assert (enlarge.name, enlarge.scale, enlarge.channels, enlarge.parameters) == ("net", 2, 3, None)


@pytest.mark.parametrize("size", [(1, 16, 16), (3, 43, 59)], ids=str)
def test_an_onnx_file_of_one_size_enlarges_in_windows(tmp_path, compact, hr, size, capsys):
    """Its network sees 6 pixels far, an overlap is 4: nearly what the network makes of the whole."""
    enlarge = load(exported(compact, tmp_path / "a.onnx", free=False), 2)
    assert "a: takes images of 16x16 alone; others in windows of that size" in capsys.readouterr().err
    n, height, width = size
    lr = hr[..., 20 : 20 + height, 30 : 30 + width].expand(n, -1, -1, -1)
    made, expected = enlarge(lr), compact(lr)
    assert made.shape == expected.shape
    assert (made - expected).abs().mean() < 0.1 * (expected - expected.mean()).abs().mean()
    if (height, width) == (16, 16):
        assert close(made, expected)


FREE = (1, 3, "h", "w")


def test_a_graph_that_makes_something_else_is_refused(tmp_path):
    wide = graph(tmp_path / "a.onnx", [FREE], operation="ReduceMean")
    assert "its network makes (1, 1, 1, 1) of (1, 3, 16, 16); an image as large" in refused(wide)
    nan = graph(tmp_path / "a.onnx", [FREE], operation="Add", constant=np.full(1, np.nan, np.float32))
    assert "makes NaN or infinity of a gray image" in refused(nan)
    none = graph(tmp_path / "a.onnx", [FREE], operation="Add", constant=np.zeros((1, 1, 7, 7), np.float32))
    assert refused(none).count("its network fails on an image of 16x16") == 1


def test_half_precision_is_taken_and_given_back_in_full(tmp_path, lr):
    enlarge = load(graph(tmp_path / "a.onnx", [FREE], "FLOAT16"), 1)
    assert enlarge(lr).dtype == torch.float32
    assert torch.equal(enlarge(lr), lr.half().float())


@pytest.mark.parametrize(("dtype", "named"), [("UINT8", "uint8"), ("DOUBLE", "double"), ("INT32", "int32")])
def test_other_numbers_than_floating_point_are_refused(tmp_path, dtype, named):
    file = graph(tmp_path / "a.onnx", [FREE], dtype)
    assert f"takes tensor({named}); float or float16 in [0, 1] is needed" in refused(file)


@pytest.mark.parametrize("shapes", [[FREE, FREE], [("h", "w")], [("n", "c", "h", "w")]], ids=["two", "2d", "bands"])
def test_what_takes_other_than_one_image_is_refused(tmp_path, shapes):
    file = graph(tmp_path / "a.onnx", shapes, operation="Add" if len(shapes) == 2 else "Identity")
    assert "one image N C H W is needed" in refused(file)


def test_an_image_that_the_graph_cannot_take_is_refused_in_one_line(tmp_path, lr):
    side = graph(tmp_path / "a.onnx", [FREE], operation="Add", constant=np.zeros((1, 1, 16, 16), np.float32))
    with pytest.raises(UserError, match=r"a\.onnx: its network fails on an image of 59x43 \(") as refusal:
        load(side, 1)(lr)
    assert "\n" not in str(refusal.value)


def test_without_onnxruntime_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "a.onnx").touch()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "need onnxruntime: pip install 'sr[onnx]'" in refused(tmp_path / "a.onnx")


def test_tiles_of_a_graph_that_nobody_knows_fade_into_each_other(tmp_path, compact, capsys):
    graph = exported(compact, tmp_path / "a.onnx")
    lr = torch.rand(1, 3, 70, 50)
    made = load(graph, 2, tile=32)(lr)
    assert "its receptive field" in capsys.readouterr().err
    torch.testing.assert_close(made, load(graph, 2)(lr))  # for in truth it does not see as far as they overlap
