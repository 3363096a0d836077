import sys
import warnings

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

from sr.inference.models import load

from ..inference.conftest import close, counted, refused


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
    assert (enlarge.name, enlarge.scale, enlarge.channels, enlarge.bounded) == (file.stem, 4, 3, True)
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
    assert "swinir: its receptive field" in capsys.readouterr().err
    assert (made - whole).abs().max() > 0
    assert (made - whole).abs().mean() < 0.1 * (whole - whole.mean()).abs().mean()


@pytest.mark.parametrize(("takes", "makes"), [(3, 1), (1, 3)])
def test_a_network_that_makes_other_channels_than_it_takes_is_refused(tmp_path, takes, makes):
    pytest.importorskip("spandrel")
    from spandrel.architectures.ESRGAN import ESRGAN

    state = ESRGAN(in_nc=takes, out_nc=makes, num_filters=8, num_blocks=1).state_dict()
    told = refused(stored(tmp_path, state, "a.pth"), scale=4)
    assert f"this ESRGAN makes {makes} channels of {takes}; a network that makes as many as it takes" in told


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
