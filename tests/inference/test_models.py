import io
import pickle
import sys
import warnings

import numpy as np
import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file

from sr.errors import MissingError, UserError
from sr.generators import Compact, SRResNet
from sr.image.resize import imresize
from sr.inference import models
from sr.inference.models import Enlarger, blend, load, of_generator
from sr.weights import store as weights

from .conftest import spread

CPU = torch.device("cpu")
ABOUT = {
    "generator": "Compact",
    "arguments": {"scale": 2, "channels": 3, "width": 4, "depth": 2},
    "scale": 2,
    "channels": 3,
}


@pytest.fixture
def compact() -> nn.Module:
    return spread(Compact(**ABOUT["arguments"]))


@pytest.fixture
def lr(hr) -> torch.Tensor:
    """A part of the face, 1 3 43 59: sides that no tile divides."""
    return hr[..., 20:63, 30:89].contiguous()


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-5) -> bool:
    return a.shape == b.shape and bool((a - b).abs().max() <= tolerance)


def refused(path, scale: int = 2) -> str:
    """Why `path` cannot be used, in one line that names it."""
    with pytest.raises(UserError) as refusal:
        load(path, scale)
    reason = str(refusal.value)
    assert str(path) in reason
    assert "\n" not in reason
    return reason


# --- interpolation ----------------------------------------------------------------------------------------------------


def pillow(kind: Image.Resampling):
    """Of floating point, plane by plane."""

    def enlarge(lr: np.ndarray, scale: int) -> np.ndarray:
        size = lr.shape[-1] * scale, lr.shape[-2] * scale
        return np.stack([np.asarray(Image.fromarray(plane).resize(size, kind)) for plane in lr[0]])[None]

    return enlarge


REFERENCES = {
    "nearest": lambda lr, scale: np.repeat(np.repeat(lr, scale, 2), scale, 3),
    "bilinear": pillow(Image.Resampling.BILINEAR),
    "bicubic": lambda lr, scale: imresize(torch.from_numpy(lr), scale).numpy(),
}


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", REFERENCES)
def test_interpolations_are_those_of_others(name, scale, lr):
    reference = torch.from_numpy(REFERENCES[name](lr.numpy(), scale))
    assert close(load(name, scale)(lr), reference, 1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_lanczos_is_that_of_pillow(scale, face):
    pale = face[:, 20:63, 30:89].permute(1, 2, 0).numpy() // 2 + 64  # so that nothing overshoots, which Pillow clips
    reference = np.asarray(Image.fromarray(pale).resize((59 * scale, 43 * scale), Image.Resampling.LANCZOS))
    made = load("lanczos", scale)(torch.from_numpy(pale).permute(2, 0, 1)[None] / 255)
    difference = (made[0] * 255).permute(1, 2, 0).numpy() - reference
    assert np.abs(difference).max() <= 1.5  # each of Pillow's two passes rounds
    assert np.abs(difference).mean() < 0.5


@pytest.mark.parametrize("name", models.INTERPOLATIONS)
@pytest.mark.parametrize("channels", [1, 3, 13])
def test_interpolations_take_any_number_of_channels_one_by_one(name, channels):
    enlarge = load(name, 3)
    lr = torch.rand(2, channels, 7, 5)
    sr = enlarge(lr)
    assert sr.shape == (2, channels, 21, 15)
    assert sr.dtype == torch.float32
    assert close(sr[1:, channels - 1 :], enlarge(lr[1:, channels - 1 :]), 1e-6)
    assert (enlarge.name, enlarge.scale, enlarge.channels, enlarge.parameters) == (name, 3, None, 0)


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
def test_a_header_that_does_not_say_what_is_enlarged_is_refused(tmp_path, compact, missing):
    about = {key: value for key, value in ABOUT.items() if key != missing}
    weights.save(tmp_path / "a.safetensors", compact, about)
    assert "does not say scale and channels" in refused(tmp_path / "a.safetensors")


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
    with pytest.raises(MissingError, match=r"run or a file of weights \(\.safetensors, \.ckpt, "):
        load(tmp_path / "a.pth", 4)


def test_another_kind_of_file_is_refused(tmp_path):
    (tmp_path / "model.bin").touch()
    assert "a folder of a run or one of .safetensors, .ckpt, .pth, .pt, .onnx" in refused(tmp_path / "model.bin")


def test_a_folder_without_weights_is_refused(tmp_path):
    assert "did the run end?" in refused(tmp_path)


def test_another_scale_is_refused(ours):
    assert "enlarges by 2, scale=4 is asked for" in refused(ours, scale=4)


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


# --- weights of other projects ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def esrgan():
    """ESRGAN's state, small."""
    pytest.importorskip("spandrel")
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(0)
    return ESRGAN(num_filters=16, num_blocks=2).state_dict()


@pytest.fixture(scope="module")
def swinir():
    pytest.importorskip("spandrel")
    from spandrel.architectures.SwinIR import SwinIR

    torch.manual_seed(0)
    with warnings.catch_warnings(action="ignore"):
        return SwinIR(
            img_size=16, embed_dim=8, depths=[1], num_heads=[2], window_size=8, mlp_ratio=2, upscale=4,
            upsampler="pixelshuffle", resi_connection="1conv",
        ).state_dict()  # fmt: skip


def stored(folder, state, name):
    if name.endswith(".safetensors"):
        save_file(state, folder / name)
    else:
        torch.save({"params_ema": state} if name.endswith(".pth") else {"state_dict": state}, folder / name)
    return folder / name


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors", "a.ckpt", "a.pt", "A.PTH"])
def test_the_result_is_that_of_spandrel_itself(tmp_path, esrgan, name, lr):
    from spandrel import ModelLoader

    file = stored(tmp_path, esrgan, name)
    enlarge = load(file, 4)
    direct = ModelLoader().load_from_state_dict(dict(esrgan)).eval()
    assert torch.equal(enlarge(lr), direct(lr))
    assert direct(lr).std() > 0
    assert (enlarge.name, enlarge.scale, enlarge.channels, enlarge.opaque) == (file.stem, 4, 3, False)
    assert enlarge.parameters == sum(value.numel() for value in esrgan.values())


def test_tiles_of_attention_fade_into_each_other(tmp_path, swinir, lr, monkeypatch, capsys):
    from spandrel import ModelLoader

    enlarge = load(stored(tmp_path, swinir, "swinir.pth"), 4)
    assert torch.equal(enlarge(lr), ModelLoader().load_from_state_dict(dict(swinir)).eval()(lr))
    assert enlarge.reach_px is None

    enlarge.tile = 32
    torch.manual_seed(0)
    large = F.interpolate(torch.rand(1, 3, 12, 15), scale_factor=6, mode="bicubic").clamp(0, 1)
    whole, made = enlarge.run(large), enlarge(large)
    assert "swinir: sees too far" in capsys.readouterr().err
    assert (made - whole).abs().max() > 0
    assert (made - whole).abs().mean() < 0.1 * (whole - whole.mean()).abs().mean()


def test_a_network_that_makes_no_image_of_an_image_is_refused(tmp_path):
    pytest.importorskip("spandrel")
    from spandrel.architectures.ESRGAN import ESRGAN

    state = ESRGAN(in_nc=3, out_nc=1, num_filters=8, num_blocks=1).state_dict()
    assert "a ESRGAN makes no image of one image" in refused(stored(tmp_path, state, "a.pth"), scale=4)


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors", "a.ckpt"])
def test_weights_of_what_nobody_knows_are_refused(tmp_path, name):
    pytest.importorskip("spandrel")
    file = stored(tmp_path, nn.Linear(3, 3).state_dict(), name)
    assert "no network that spandrel knows" in refused(file)


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors", "a.ckpt"])
def test_without_spandrel_it_is_said_how_to_get_it(tmp_path, name, monkeypatch):
    file = stored(tmp_path, nn.Linear(3, 3).state_dict(), name)
    monkeypatch.setitem(sys.modules, "spandrel", None)
    assert "need spandrel: pip install 'sr[community]'" in refused(file)


# --- ONNX -------------------------------------------------------------------------------------------------------------


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


def test_an_onnx_file_of_one_size_is_refused(tmp_path, compact):
    file = exported(compact, tmp_path / "a.onnx", free=False)
    assert "takes 16x16 alone; export it with free sides" in refused(file)


FREE = (1, 3, "h", "w")


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
    with pytest.raises(UserError, match=r"a\.onnx: fails on an image of 59x43 \(") as refusal:
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
    assert "sees too far" in capsys.readouterr().err
    torch.testing.assert_close(made, load(graph, 2)(lr))  # for in truth it does not see as far as they overlap


# --- tiles ------------------------------------------------------------------------------------------------------------


class Folding(nn.Module):
    """Pixels to channels and back: the result depends on where in its tile a pixel lies."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(12, 48, 3, padding=1)

    def forward(self, lr):
        return F.pixel_shuffle(self.conv(F.pixel_unshuffle(lr, 2)), 4)


def counted(enlarge: Enlarger) -> list[tuple[int, int]]:
    """Sizes of what the network is given from now on, apart from what it is measured with."""
    enlarge.reach_px, enlarge.bytes_per_pixel  # measured now
    shapes, run = [], enlarge.run
    enlarge.run = lambda lr: shapes.append(tuple(lr.shape[-2:])) or run(lr)
    return shapes


MADE = {
    "compact": lambda: of_generator("g", spread(Compact(**ABOUT["arguments"])), 2, 3, CPU),
    "srresnet": lambda: of_generator("g", spread(SRResNet(4, width=4, blocks=2)), 4, 3, CPU),
    "folding": lambda: of_generator("g", spread(Folding()), 2, 3, CPU),
    **{name: lambda name=name: load(name, 3) for name in models.INTERPOLATIONS},
}


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("tile", [16, 20, 32])
def test_tiles_make_the_whole_image(name, tile, hr):
    lr = hr[..., :70, :90]
    enlarge = MADE[name]()
    whole, shapes = enlarge(lr), counted(enlarge)
    enlarge.tile = tile
    assert close(enlarge(lr), whole, 1e-5 * max(1, whole.abs().max().item()))
    side = 32 if tile == 20 else tile  # up to the grid on which folding networks see each pixel as in the whole image
    assert len(shapes) == -(-70 // side) * -(-90 // side)


def test_tiles_of_esrgan_make_the_whole_image(tmp_path, hr):
    pytest.importorskip("spandrel")
    from spandrel.architectures.ESRGAN import ESRGAN

    file = stored(tmp_path, ESRGAN(num_filters=8, num_blocks=1).state_dict(), "a.pth")
    lr = hr[..., :17, :126]
    whole, tiles = load(file, 4, tile=0), load(file, 4, tile=48)
    shapes = counted(tiles)
    assert tiles.reach_px == 32
    assert close(tiles(lr), whole(lr))
    assert shapes == [(17, 80), (17, 110), (17, 62)]


@pytest.mark.parametrize("tile", [64, 65, 4096])
def test_an_image_that_fits_in_a_tile_is_enlarged_whole_by_whatever_it_is(tile):
    enlarge = Enlarger("x", 1, 3, lambda lr: lr - lr.mean(), CPU, tile=tile, opaque=True)
    lr = torch.rand(1, 3, 64, 50)
    assert torch.equal(enlarge(lr), lr - lr.mean())


@pytest.fixture
def large() -> torch.Tensor:
    """More than `auto` enlarges without asking how much memory there is."""
    return torch.rand(1, 3, 250, 270)


def test_auto_falls_to_tiles_where_memory_is_small(large, monkeypatch):
    enlarge = MADE["compact"]()
    shapes = counted(enlarge)
    monkeypatch.setattr("sr.inference.tiles.free_bytes", lambda device: 1 << 40)
    whole = enlarge(large)
    assert shapes == [(250, 270)]
    shapes.clear()
    free = 2 * enlarge.bytes_per_pixel * 130**2
    monkeypatch.setattr("sr.inference.tiles.free_bytes", lambda device: free)
    assert close(enlarge(large), whole)
    assert len(shapes) == 3 * 3  # of 96, which with a halo of 16 are 128
    assert max(max(shape) for shape in shapes) <= 128


def test_auto_tiles_what_is_computed_outside_of_torch(large, monkeypatch):
    whole = load("lanczos", 2, tile=0)(large)
    monkeypatch.setattr("sr.inference.tiles.free_bytes", lambda device: 0)
    enlarge = load("lanczos", 2)
    shapes = counted(enlarge)
    assert close(enlarge(large), whole)
    assert len(shapes) == 8 * 9


def test_what_does_not_fit_and_sees_all_is_told_of_once(large, monkeypatch, capsys):
    monkeypatch.setattr("sr.inference.tiles.free_bytes", lambda device: 0)
    enlarge = Enlarger("global", 1, 3, lambda lr: lr - lr.mean(), CPU)
    for _ in range(2):
        assert enlarge(large).shape == large.shape
    assert capsys.readouterr().err.count("global: sees too far") == 1


def limited(limit_px: int, **options) -> tuple[Enlarger, list[tuple[int, int]]]:
    """An enlarger by 2 on a device that holds `limit_px` pixels, and what it was given."""
    enlarge = Enlarger("short", 2, 3, load("bilinear", 2).run, CPU, **options)
    shapes = counted(enlarge)
    run = enlarge.run

    def short(lr):
        made = run(lr)
        if lr[0, 0].numel() > limit_px:
            raise torch.OutOfMemoryError("tried to allocate 80 GiB")
        return made

    enlarge.run = short
    return enlarge, shapes


@pytest.mark.parametrize(
    ("limit_px", "tile", "given"),
    [
        (100**2, "auto", [(130, 150), (80, 80), (80, 96), (80, 38)]),  # tiles of 64
        (70**2, "auto", [(130, 150), (80, 80), (48, 48), (48, 64)]),  # of 64, then of 32
        (70**2, 64, [(80, 80), (48, 48), (48, 64), (48, 64)]),
    ],
)
def test_where_memory_runs_out_tiles_are_halved_until_they_fit(limit_px, tile, given):
    enlarge, shapes = limited(limit_px, tile=tile)
    lr = torch.rand(1, 3, 130, 150)
    assert close(enlarge(lr), load("bilinear", 2)(lr))
    assert shapes[:4] == given


@pytest.mark.parametrize(
    ("tile", "opaque", "tries"),
    [("auto", False, 3), (32, False, 1), (0, False, 3), ("auto", True, 3)],  # whole, 64 and 32
)
def test_where_nothing_fits_it_is_said_of_which_image(tile, opaque, tries):
    enlarge, shapes = limited(10, tile=tile, opaque=opaque)
    with pytest.raises(UserError, match=r"^short: not enough memory for an image of 150x130$"):
        enlarge(torch.rand(1, 3, 130, 150))
    assert len(shapes) == tries


def test_a_cpu_without_memory_is_like_a_gpu_without():
    enlarge, shapes = limited(70**2)
    short = enlarge.run

    def as_the_cpu_says_it(lr):
        try:
            return short(lr)
        except torch.OutOfMemoryError:
            raise RuntimeError(
                "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"
            ) from None

    enlarge.run = as_the_cpu_says_it
    lr = torch.rand(1, 3, 130, 150)
    torch.testing.assert_close(enlarge(lr), load("bilinear", 2)(lr))
    assert max(max(shape) for shape in shapes[1:]) <= 96


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    enlarge = Enlarger("broken", 2, 3, lambda lr: lr @ torch.zeros(3, 3), CPU)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        enlarge(torch.rand(1, 3, 20, 20))


# --- half precision ---------------------------------------------------------------------------------------------------


def test_half_precision_is_near_and_is_used(lr, monkeypatch):
    enlarge = load("fast_x4")
    exact = enlarge(lr)
    enlarge.precision = "bf16"
    half = enlarge(lr)
    assert half.dtype == torch.float32
    assert 0 < (half - exact).abs().max() < 0.05
    enlarge.precision = "auto"  # on a CPU: float32
    assert torch.equal(enlarge(lr), exact)


def test_a_half_that_overflows_is_given_up_and_said_once(lr, capsys):
    class Overflowing(nn.Module):
        def forward(self, lr):
            large = F.conv2d(lr, torch.full((3, 3, 1, 1), 1e5))
            return F.interpolate(F.conv2d(large, torch.full((3, 3, 1, 1), 1e-6)), scale_factor=2)

    enlarge = of_generator("large", Overflowing(), 2, 3, CPU)
    exact = enlarge(lr)
    enlarge.precision = "fp16"
    for _ in range(2):
        torch.testing.assert_close(enlarge(lr), exact)
    assert capsys.readouterr().err.count("large: fp16 gives values that are no numbers") == 1


# --- between two networks ---------------------------------------------------------------------------------------------


def test_a_blend_of_nothing_is_the_first_and_of_all_the_second(lr):
    for weight, name in ((0.0, "fast_x4"), (1.0, "srgan_x4")):
        mixed = blend(load("fast_x4"), load("srgan_x4"), weight)
        assert torch.equal(mixed(lr), load(name)(lr))
    half = blend(load("fast_x4"), load("srgan_x4"), 0.5)
    weights_of = [load(name).network.state_dict()["body.0.weight"] for name in ("fast_x4", "srgan_x4")]
    torch.testing.assert_close(half.network.state_dict()["body.0.weight"], (weights_of[0] + weights_of[1]) / 2)
    assert half.name == "fast_x4+srgan_x4@0.5"


def test_networks_of_different_shape_cannot_be_mixed():
    with pytest.raises(UserError, match="fast_x4 and fast_x2: networks of different shape"):
        blend(load("fast_x4"), load("fast_x2"), 0.5)
    with pytest.raises(UserError, match="bicubic: no network"):
        blend(load("fast_x4"), load("bicubic"), 0.5)
