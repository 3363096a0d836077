import re

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from sr.backbones import efficientnet_lite
from sr.config import CONF, register
from sr.errors import UserError
from sr.losses import Semantic, semantic


@pytest.fixture(scope="module")
def backbone():
    return efficientnet_lite()


BOTH = {"layers": {"stage5": 1.0, "stage7": 0.5}, "logits": 0.1}


@pytest.mark.parametrize("options", [{"layers": {"stage5": 1.0}}, {"layers": {}, "logits": 1.0}, BOTH])
def test_zero_at_identity_and_a_step_against_the_gradient_comes_closer(backbone, options, sr, hr):
    loss = Semantic(backbone, **options)
    assert loss(hr, hr).item() == pytest.approx(0, abs=1e-6)
    image, real = sr.clone().requires_grad_(), hr.clone().requires_grad_()
    loss(image, real).backward()
    assert real.grad is None
    assert loss(sr - 1e-3 * image.grad / image.grad.abs().max(), hr) < loss(sr, hr)


def test_it_is_the_sum_that_its_docstring_says(backbone, sr, hr):
    fake, real = (backbone(x, ["stage5", "stage7", "logits"]) for x in (sr, hr))
    expected = 0.0
    for name, weight in BOTH["layers"].items():
        expected += weight * (fake[name] - real[name]).abs().sum() / real[name].abs().sum()
    p, q = real["logits"].softmax(1), fake["logits"].softmax(1)
    expected += 0.1 * (p * (p / q).log()).sum()
    assert Semantic(backbone, **BOTH)(sr, hr).item() == pytest.approx(expected.item(), rel=1e-4)


def test_a_batch_is_the_mean_of_its_images(backbone, sr, hr):
    loss = Semantic(backbone, **BOTH)
    sr, hr = torch.cat([sr, hr.flip(2)]), torch.cat([hr, hr])
    assert torch.allclose(loss(sr, hr), (loss(sr[:1], hr[:1]) + loss(sr[1:], hr[1:])) / 2, rtol=1e-4)


@pytest.mark.parametrize(("channels", "bands"), [(1, None), (4, [2, 1, 0])])
def test_other_channels(backbone, channels, bands):
    sr, hr = torch.rand(2, 1, channels, 32, 32)
    assert Semantic(backbone, {"stage5": 1.0}, bands=bands)(sr, hr) > 0


def test_mistakes_are_told(backbone):
    with pytest.raises(UserError, match=r"semantic layers \['relu1_1'\]: the backbone has"):
        Semantic(backbone, {"relu1_1": 1.0})
    with pytest.raises(UserError, match=r"semantic layers \['logits'\]: the backbone has"):
        Semantic(efficientnet_lite(deepest="stage5"), {}, logits=1.0)
    with pytest.raises(UserError, match="semantic loss compares nothing"):
        Semantic(backbone, {})
    with pytest.raises(UserError, match="at least 32 pixels a side, not 31x64"):
        Semantic(backbone, {"stage5": 1.0})(*torch.rand(2, 1, 3, 31, 64))


def test_it_is_added_from_the_command_line_as_its_module_says():
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        config = compose("train", overrides=re.findall(r"\+losses\S+", semantic.__doc__))
    term = instantiate(config.losses.content.terms.semantic)
    assert isinstance(term, Semantic)
    assert term.weights == {"stage5": 1.0}
    assert config.losses.content.weights.semantic == 0.1
