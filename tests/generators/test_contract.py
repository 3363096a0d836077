"""What every generator keeps to, whichever paper it is of."""

import pytest
import torch
import torch.nn as nn

from sr import generators
from sr.errors import UserError
from sr.inference.models import of_generator
from sr.weights import store as weights

SMALL = {  # the least of each, and its scales; values of 0 to 255 would round coarsely
    "Compact": ({"width": 4, "depth": 1}, [1, 2, 3, 4, 8]),
    "EDSR": ({"width": 4, "blocks": 1}, [2, 3, 4, 8]),
    "RLFN": ({"width": 4, "blocks": 1}, [1, 2, 3, 4, 8]),
    "RRDBNet": ({"width": 4, "blocks": 1, "growth": 2}, [1, 2, 4, 8]),
    "Residual": ({"width": 4, "blocks": 1}, [1, 2, 3, 4, 8]),
    "SPAN": ({"width": 4, "norm": False}, [1, 2, 3, 4, 8]),
    "SRResNet": ({"width": 4, "blocks": 1}, [2, 3, 4, 8]),
}
NAMES = sorted(SMALL)


def made(name: str, **options) -> nn.Module:
    torch.manual_seed(0)
    return getattr(generators, name)(**(SMALL[name][0] | options))


def test_all_are_here():
    assert sorted(generators.__all__) == [*NAMES, "Spandrel"]  # which has tests of its own


@pytest.mark.parametrize("channels", [1, 3, 13])
@pytest.mark.parametrize(("name", "scale"), [(name, scale) for name in NAMES for scale in SMALL[name][1]])
def test_shapes_at_odd_sizes(name, scale, channels):
    sr = made(name, scale=scale, channels=channels)(torch.rand(2, channels, 7, 5))
    assert sr.shape == (2, channels, 7 * scale, 5 * scale)
    assert sr.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_a_pixel_is_an_image(name):
    assert made(name, scale=2).eval()(torch.rand(1, 3, 1, 1)).shape == (1, 3, 2, 2)


@pytest.mark.parametrize("name", [name for name in NAMES if 3 not in SMALL[name][1] or 1 not in SMALL[name][1]])
@pytest.mark.parametrize("scale", [0, 5, 16])
def test_other_scales_are_refused(name, scale):
    with pytest.raises(UserError, match=rf"{name} has no scale {scale}; choose one of"):
        made(name, scale=scale)


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("name", NAMES)
def test_gradient_reaches_every_parameter(name, scale):
    generator = made(name, scale=scale)
    for parameter in generator.parameters():  # those that start at zero hold back all gradients but their own
        parameter.data += 0.1 * torch.randn_like(parameter)
    generator(torch.rand(2, 3, 8, 8)).square().sum().backward()
    for key, parameter in generator.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("name", NAMES)
def test_tiles_make_the_whole_image(name, scale, hr):
    generator = made(name, scale=scale)
    for parameter in generator.parameters():  # far pixels must matter
        if parameter.ndim == 4:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    enlarge = of_generator(name, generator, scale, 3, torch.device("cpu"))
    lr = hr[..., :37, :101]
    whole = enlarge(lr)
    assert enlarge.reach_px is not None
    enlarge.tile = 32
    assert (enlarge(lr) - whole).abs().max() <= 1e-5 * whole.abs().max().clamp(min=1)


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_saved_and_loaded_again(name, tmp_path):
    generator, lr = made(name), torch.rand(1, 3, 9, 7)
    about = {"generator": name, "arguments": SMALL[name][0]}
    weights.save(tmp_path / "a.safetensors", generator, about)
    assert torch.equal(weights.load(tmp_path / "a.safetensors")[0](lr), generator.eval()(lr))


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize(("name", "called"), [("Compact", "Compact"), ("RRDBNet", "ESRGAN"), ("SPAN", "SPAN")])
def test_spandrel_knows_the_weights_and_makes_the_same_of_them(name, called, scale, hr):
    spandrel = pytest.importorskip("spandrel")
    options = {"RRDBNet": {"growth": 32}, "SPAN": {"norm": scale > 1}}.get(name, {})  # ESRGAN's growth is fixed there
    ours = made(name, scale=scale, **options).eval()
    theirs = spandrel.ModelLoader().load_from_state_dict(dict(ours.state_dict())).eval()
    assert theirs.architecture.id == called
    assert (theirs.scale, theirs.input_channels) == (scale, 3)
    with torch.inference_mode():
        for size in ((32, 48), (19, 22)):
            lr = hr[..., : size[0], : size[1]]
            expected = theirs.model(lr)
            assert (ours(lr) - expected).abs().max() <= 1e-5 * expected.abs().max().clamp(min=1)
            assert expected.std() > 1e-3
