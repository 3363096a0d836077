"""A curriculum: which samples are fully degraded depends on the seed and their numbers alone."""

import pytest
import torch
from hydra.utils import instantiate

from sr.degradations import USM, Bicubic, Chain, Curriculum, GaussianNoise, pair
from sr.errors import UserError

from .chains import config_of


def curriculum(**changes) -> Curriculum:
    options = {"gentle": Bicubic(4), "full": Chain("noisy", 4, 3, {"noise": GaussianNoise([20, 30])}),
               "share": [0.2, 0.8], "steps": 100, "batch_size": 10}  # fmt: skip
    return Curriculum(**(options | changes))


def test_the_share_grows_linearly_over_the_steps_and_stays():
    degradation = curriculum()
    full = torch.tensor([degradation.is_full(n) for n in range(20_000)]).float().view(20, 1000)  # hundreds of steps
    assert full[0].mean() == pytest.approx(0.5, abs=0.05)  # 0.2 to 0.8
    early = torch.tensor([curriculum(seed=seed).is_full(n) for seed in range(100) for n in range(10)]).float()
    assert early.mean() == pytest.approx(0.2, abs=0.04)
    assert full[1:].mean() == pytest.approx(0.8, abs=0.01)
    assert [degradation.share_at(step) for step in (0, 50, 100, 5000)] == pytest.approx([0.2, 0.5, 0.8, 0.8])


def test_a_batch_is_its_singles_and_each_is_what_one_of_the_two_makes(hr):
    degradation = curriculum()
    images = hr[..., :64, :64].repeat(20, 1, 1, 1)
    numbers = list(range(490, 510))
    lr, target = pair({"hr": images, "n": numbers}, degradation, "cpu")
    assert torch.equal(target, images)
    seen = set()
    for i, n in enumerate(numbers):
        seen.add(degradation.is_full(n))
        one = degradation.full if degradation.is_full(n) else degradation.gentle
        assert torch.equal(lr[i], one(images[i : i + 1], [n])[0][0])
        assert torch.equal(lr[i], degradation(images[i : i + 1], torch.tensor([n]))[0][0])
    assert seen == {True, False}


def test_what_is_drawn_does_not_say_which_samples_are_full():
    """Else a share of one half would see one half of the kernels alone."""
    degradation = curriculum(share=[0.5, 0.5])
    sigmas = {True: [], False: []}
    for n in range(2000):
        sigmas[degradation.is_full(n)].append(degradation.full.draws(n)[0][1]["sigma"])
    for drawn in sigmas.values():
        assert sum(drawn) / len(drawn) == pytest.approx(25, abs=0.4)


def test_images_are_fully_degraded_outside_of_training(hr):
    degradation = curriculum(share=[0, 0])
    assert torch.equal(degradation(hr, [0])[0], degradation.gentle(hr, [0])[0])
    degradation.eval()
    assert torch.equal(degradation(hr, [0])[0], degradation.full(hr, [0])[0])
    assert degradation.protocol == degradation.full.protocol


def test_both_are_made_of_sharpened_images_where_targets_are(hr):
    degradation = curriculum(full=Chain("plain", 4, 0, {}, sharpen=USM()), share=[0, 0])
    lr, target = degradation(hr, [0])
    assert torch.equal(target, hr)
    assert torch.equal(lr, Bicubic(4)(USM()(hr))[0])
    assert degradation.sharpen is degradation.full.sharpen
    assert curriculum().sharpen is None


def test_any_degradation_becomes_one_on_the_command_line():
    config = config_of(
        "curriculum", "degradation@degradation.full=web", "degradation.share=[0,.9]", "data.batch_size=7"
    )
    assert config.full.name == "web"
    assert (config.batch_size, list(config.share)) == (7, [0, 0.9])
    degradation = instantiate(config)
    assert degradation(torch.rand(2, 3, 32, 32), [0, 1])[0].shape == (2, 3, 8, 8)


def test_mistakes_are_told():
    with pytest.raises(UserError, match=r"share=\[0, 2\]; give \[low, high\] within 0 and 1"):
        curriculum(share=[0, 2])
    with pytest.raises(UserError, match="gentle degradation of a curriculum has sharpen"):
        curriculum(gentle=Chain("plain", 4, 0, {}, sharpen=USM()))
    with pytest.raises(UserError, match=r"steps=0 and batch_size=10 of a curriculum"):
        curriculum(steps=0)
