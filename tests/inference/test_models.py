import io
import pickle
import sys
import warnings

import pytest
import torch

from sr.errors import MissingError, UserError
from sr.generators import Compact
from sr.inference.models import blend, load, of_generator
from sr.weights import store as weights

from .conftest import ABOUT, close, refused, spread

CPU = torch.device("cpu")


# --- our weights ------------------------------------------------------------------------------------------------------


@pytest.fixture
def ours(tmp_path, compact):
    weights.save(tmp_path / "run" / "weights" / "mine.safetensors", compact, ABOUT)
    weights.save(tmp_path / "run" / "weights" / "mine-last.safetensors", Compact(**ABOUT["arguments"]), ABOUT)
    return tmp_path / "run"


@pytest.mark.parametrize("place", [".", "weights/mine.safetensors"])
def test_a_run_and_a_file_of_ours(ours, place, compact, lr):
    enlarge = load(ours / place, 2)
    assert close(enlarge(lr), compact(lr))
    assert (enlarge.name, enlarge.scale, enlarge.channels) == ("mine", 2, 3)
    assert enlarge.parameters == sum(parameter.numel() for parameter in compact.parameters())


def lightning(folder, compact, **changes):
    """What a run of ours writes while it trains, and its average is `compact`."""
    now = spread(Compact(**ABOUT["arguments"]))
    state = {f"generator.{key}": value + 1 for key, value in now.state_dict().items()}
    state |= {f"generator_ema.{key}": value for key, value in compact.state_dict().items()}
    whole = {"epoch": 3, "global_step": 7, "state_dict": state, "optimizer_states": [{}], "about": ABOUT}
    torch.save(whole | changes, folder / "last.ckpt")
    return folder / "last.ckpt"


def test_a_checkpoint_of_a_run_gives_the_average(tmp_path, compact, lr):
    enlarge = load(lightning(tmp_path, compact), 2)
    assert close(enlarge(lr), compact(lr))
    assert (enlarge.name, enlarge.scale, enlarge.channels) == ("last", 2, 3)


@pytest.mark.parametrize("missing", ["scale", "channels"])
def test_what_a_header_does_not_say_is_asked_of_the_network(tmp_path, compact, missing):
    about = {key: value for key, value in ABOUT.items() if key != missing}
    weights.save(tmp_path / "a.safetensors", compact, about)
    found = load(tmp_path / "a.safetensors")
    assert (found.scale, found.channels) == (2, 3)


def test_our_weights_need_neither_spandrel_nor_onnxruntime(ours, lr, monkeypatch):
    for package in ("spandrel", "onnxruntime"):
        monkeypatch.setitem(sys.modules, package, None)
    assert load(ours, 2)(lr).shape == (1, 3, 86, 118)


def test_a_network_is_not_trained_by_being_used(compact, lr):
    compact.train().requires_grad_(True)
    sr = of_generator("g", compact, 2, 3, CPU)(lr)
    assert not sr.requires_grad
    assert not compact.training


# --- what is refused --------------------------------------------------------------------------------------------------


def test_an_unknown_name_is_told_what_there_is(tmp_path):
    assert "no such file or folder, and no interpolation (bicubic, bilinear, nearest, lanczos)" in refused("bicubik")
    with pytest.raises(MissingError, match=r"a file of weights \(\.safetensors, \.ckpt, .* or the folder of a run"):
        load(tmp_path / "a.pth", 4)


def test_another_kind_of_file_is_refused(tmp_path):
    (tmp_path / "model.bin").touch()
    assert "the folder of a run or a weights file (.safetensors, .ckpt, .pth, .pt, .onnx, .torchscript)" in refused(
        tmp_path / "model.bin"
    )


def test_a_folder_without_weights_is_refused(tmp_path):
    assert "did the run end?" in refused(tmp_path)


def test_another_scale_is_refused(ours):
    assert "enlarges by 2, scale=4 is asked for" in refused(ours, scale=4)


@pytest.mark.parametrize("halo", [-1, "large", 2.5, None])
def test_a_halo_that_is_no_distance_is_refused(halo):
    with pytest.raises(UserError, match=f"halo={halo}: LR pixels around a tile, exact or auto is needed"):
        load("bicubic", 4, halo=halo)


@pytest.mark.parametrize("tile", [-1, -32, "large", 2.5, None])
def test_a_tile_that_is_no_size_is_refused(tile):
    with pytest.raises(UserError, match=f"tile={tile}: the side of a tile in LR pixels, 0 or auto is needed"):
        load("bicubic", 4, tile=tile)


class Bomb:
    """Whoever unpickles it writes a file."""

    def __init__(self, target) -> None:
        self.target = str(target)

    def __reduce__(self):
        return open, (self.target, "w")


def pickled(bomb) -> bytes:
    return pickle.dumps({"about": bomb, "state_dict": {}}, protocol=2)


def zipped(bomb) -> bytes:
    torch.save({"about": bomb, "state_dict": {}}, packed := io.BytesIO())
    return packed.getvalue()


def unpickle_zipped(content: bytes) -> None:
    torch.load(io.BytesIO(content), weights_only=False)


@pytest.mark.parametrize(("packed", "light"), [(pickled, pickle.loads), (zipped, unpickle_zipped)])
@pytest.mark.parametrize("suffix", [".ckpt", ".pth", ".pt", ".safetensors", ".onnx"])
def test_what_a_stranger_pickled_is_never_executed(tmp_path, suffix, packed, light):
    if suffix in (".pth", ".pt"):
        pytest.importorskip("spandrel")
    if suffix == ".onnx":
        pytest.importorskip("onnxruntime")
    file, trace = tmp_path / f"a{suffix}", tmp_path / "trace"
    file.write_bytes(packed(Bomb(trace)))
    refused(file)
    assert not trace.exists()
    with warnings.catch_warnings(action="ignore"):  # the trace is left open
        light(file.read_bytes())
    assert trace.exists()  # it was a bomb


@pytest.mark.parametrize("size", [0, 10, 200, -100])
@pytest.mark.parametrize("suffix", [".ckpt", ".pth", ".safetensors", ".onnx"])
def test_a_truncated_file_is_refused(tmp_path, compact, suffix, size):
    if suffix == ".pth":
        pytest.importorskip("spandrel")
    if suffix == ".onnx":
        pytest.importorskip("onnxruntime")
    whole = lightning(tmp_path, compact).read_bytes()
    (tmp_path / f"half{suffix}").write_bytes(whole[:size])
    refused(tmp_path / f"half{suffix}")


# --- between two networks ---------------------------------------------------------------------------------------------


def test_a_blend_of_nothing_is_the_first_and_of_all_the_second(lr):
    for weight, name in ((0.0, "fast_x4"), (1.0, "srgan_x4")):
        mixed = blend(load("fast_x4"), load("srgan_x4"), weight)
        assert torch.equal(mixed(lr), load(name)(lr))
    half = blend(load("fast_x4"), load("srgan_x4"), 0.5)
    weights_of = [load(name).network.state_dict()["body.0.0.weight"] for name in ("fast_x4", "srgan_x4")]
    torch.testing.assert_close(half.network.state_dict()["body.0.0.weight"], (weights_of[0] + weights_of[1]) / 2)
    assert half.name == "fast_x4+srgan_x4@0.5"


def test_networks_of_different_shape_cannot_be_mixed():
    with pytest.raises(UserError, match="fast_x4 and fast_x2: networks of different shape"):
        blend(load("fast_x4"), load("fast_x2"), 0.5)
    with pytest.raises(UserError, match="bicubic: no PyTorch network"):
        blend(load("fast_x4"), load("bicubic"), 0.5)
