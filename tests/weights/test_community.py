import sys
import warnings

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

from sr.inference.models import load
from sr.weights import states

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


def test_architectures_of_spandrel_extra_arches_are_known_where_it_is_installed(tmp_path, monkeypatch, lr):
    spandrel = pytest.importorskip("spandrel")

    class Twice(spandrel.Architecture):
        def __init__(self):
            super().__init__(id="Twice", detect=lambda state: "twice" in state)

        def load(self, state):
            network = nn.Upsample(scale_factor=2)
            network.twice = nn.Parameter(torch.ones(1))
            return spandrel.ImageModelDescriptor(
                network, state, self, "SR", [], supports_half=True, supports_bfloat16=True, scale=2,
                input_channels=3, output_channels=3,
            )  # fmt: skip

    class Extra:
        @staticmethod
        def install(ignore_duplicates):
            twice = spandrel.ArchSupport.from_architecture(Twice())
            spandrel.MAIN_REGISTRY.add(twice, ignore_duplicates=ignore_duplicates)

    file = stored(tmp_path, {"twice": torch.ones(1)}, "a.pth")
    assert "no network that spandrel knows (its tensors are called twice ...)" in refused(file)
    monkeypatch.setattr(spandrel, "MAIN_REGISTRY", spandrel.MAIN_REGISTRY.copy())
    monkeypatch.setitem(sys.modules, "spandrel_extra_arches", Extra)
    for _ in range(2):
        assert torch.equal(load(file, 2)(lr), F.interpolate(lr, scale_factor=2))


def test_a_network_does_not_write_into_what_it_is_given(tmp_path, lr):
    """RCAN's own code multiplies its input."""
    pytest.importorskip("spandrel")
    from spandrel.architectures.RCAN import RCAN

    state = RCAN(scale=2, n_resgroups=1, n_resblocks=1, n_feats=16, reduction=4).state_dict()
    enlarge, before = load(stored(tmp_path, state, "a.pth"), 2), lr.clone()
    enlarge(lr)
    assert torch.equal(lr, before)


@pytest.mark.parametrize("prefix", ["net_g", "netG", "generator", "model", "G"])
def test_the_generator_in_a_checkpoint_of_lightning(tmp_path, esrgan, lr, prefix):
    from spandrel import ModelLoader

    state = {f"{prefix}.{key}": value for key, value in esrgan.items()}
    state |= {"net_d.0.weight": torch.ones(3), "loss.scale": torch.ones(1)}
    torch.save({"pytorch-lightning_version": "2.6.0", "state_dict": state}, tmp_path / "a.ckpt")
    assert torch.equal(load(tmp_path / "a.ckpt", 4)(lr), ModelLoader().load_from_state_dict(dict(esrgan)).eval()(lr))
    bare = states.of_generator(str(tmp_path / "a.ckpt"))
    assert bare.keys() == esrgan.keys()
