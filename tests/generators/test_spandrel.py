import sys

import pytest
import torch

from sr.errors import MissingError, UserError
from sr.generators import Compact, Spandrel
from sr.generators.spandrel import built_with
from sr.inference import models
from sr.weights import store as weights

pytest.importorskip("spandrel")

SWINIR = {"window_size": 8, "img_size": 16, "embed_dim": 8, "depths": [1], "num_heads": [2], "mlp_ratio": 2,
          "upsampler": "pixelshuffledirect"}  # fmt: skip
SMALL = {  # of signatures that name scale and channels differently
    "Compact": {"num_feat": 8, "num_conv": 2},
    "ESRGAN": {"num_filters": 8, "num_blocks": 1},
    "OmniSR": {"num_feat": 16},
    "RCAN": {"n_resgroups": 1, "n_resblocks": 1, "n_feats": 16},
    "RealPLKSR": {"dim": 16, "n_blocks": 1},
    "SAFMN": {"dim": 12, "n_blocks": 1},
    "SeemoRe": {"embedding_dim": 8, "num_layers": 1},
    "SwinIR": SWINIR,
}


def made(name: str, scale: int = 2, channels: int = 3) -> Spandrel:
    torch.manual_seed(0)
    return Spandrel(name, scale, channels, SMALL[name])


@pytest.mark.parametrize("name", SMALL)
def test_it_is_trained_saved_loaded_and_known_to_spandrel(name, tmp_path, hr):
    from spandrel import ModelLoader

    generator, lr = made(name), hr[..., :19, :22]
    generator.train()(lr).square().mean().backward()
    assert all(p.grad is not None for p in generator.parameters())
    arguments = {"architecture": name, "scale": 2, "channels": 3, "arguments": SMALL[name]}
    weights.save(tmp_path / "a.safetensors", generator, {"generator": "Spandrel", "arguments": arguments})
    expected, before = generator.eval()(lr), lr.clone()
    assert expected.shape == (1, 3, 38, 44)
    assert expected.std() > 1e-3
    assert torch.equal(weights.load(tmp_path / "a.safetensors")[0](lr), expected)
    theirs = ModelLoader().load_from_file(tmp_path / "a.safetensors").eval()
    assert torch.equal(lr, before)  # RCAN's own code multiplies what it is given
    assert torch.allclose(theirs(lr.clone()), expected.clamp(0, 1), atol=1e-5)


def test_its_state_has_the_names_of_the_architecture():
    theirs, ours = made("Compact"), Compact(2, width=8, depth=2)
    assert theirs.state_dict().keys() == ours.state_dict().keys()
    whole = torch.nn.ModuleDict({"generator": theirs})
    assert whole.state_dict().keys() == {f"generator.{key}" for key in ours.state_dict()}
    whole.load_state_dict({f"generator.{key}": value for key, value in ours.state_dict().items()})
    lr = torch.rand(1, 3, 5, 6)
    assert torch.equal(theirs(lr), ours(lr))


@pytest.mark.parametrize("channels", [1, 4])
def test_channels_go_where_the_constructor_wants_them(channels):
    assert made("Compact", 3, channels)(torch.rand(1, channels, 5, 6)).shape == (1, channels, 15, 18)


def test_tiles_of_attention_are_not_taken_for_exact():
    for name, bounded in (("Compact", True), ("SwinIR", False)):
        enlarge = models.of_generator(name, made(name), 2, 3, torch.device("cpu"))
        assert (enlarge.reach_px is not None) == bounded


def test_what_it_was_built_with():
    expected = {"architecture": "SwinIR", "arguments": {"in_chans": 1, "upscale": 2} | SWINIR}
    assert built_with(made("SwinIR", channels=1).network) == expected
    assert built_with(made("ESRGAN").network)["architecture"] == "ESRGAN"  # whose class is called otherwise


def refused(*arguments) -> str:
    with pytest.raises(UserError) as told:
        Spandrel(*arguments)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_what_cannot_be_built_is_refused_in_a_sentence():
    told = refused("SwinIRR")
    assert "generator.architecture=SwinIRR: no such network; known are " in told
    assert "SwinIR, " in told
    assert "RCAN does not take depth; it takes scale, n_resgroups" in refused("RCAN", 4, 3, {"depth": 1})
    assert "cannot be built with {'in_chans': 3, 'upscale': 4} (shape" in refused("SwinIR")
    assert "enlarges 3 channels to 3 by 4; 1 and 4 are needed" in refused("SAFMN", 4, 1, {"dim": 12})
    assert "makes no image of one image" in refused("LaMa", 1)


def test_without_spandrel_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(MissingError, match=r"architecture=HAT needs spandrel: pip install 'sr\[community\]'"):
        Spandrel("HAT")
