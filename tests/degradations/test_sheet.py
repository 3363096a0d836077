"""A sheet of draws shows what the chain makes, and says with which parameters."""

import numpy as np
import torch

from sr.degradations import Bicubic, Chain, GaussianNoise, Mixture, Steps
from sr.degradations.sheet import GAP_PX, LR_PX, SHOWN_PX, middle, sheet, told


def test_each_cell_is_a_draw(hr):
    chain = Chain("noisy", 4, 0, {"noise": GaussianNoise(sigma=[1, 30])})
    drawn = np.asarray(sheet([("face.png", hr)], chain, 4, 5))
    lrs = chain(hr.repeat(5, 1, 1, 1), range(5))[0]  # 32 x 32 each: four beside each other, and one below
    side, step = LR_PX * SHOWN_PX, LR_PX * SHOWN_PX + GAP_PX
    for n in range(4):
        left = GAP_PX + n * step
        cell = drawn[GAP_PX : GAP_PX + 32 * SHOWN_PX, left : left + 32 * SHOWN_PX]
        expected = (lrs[n] * 255).round().byte().permute(1, 2, 0).numpy().repeat(SHOWN_PX, 0).repeat(SHOWN_PX, 1)
        np.testing.assert_array_equal(cell, expected)
    assert drawn.shape[1] == 4 * step + GAP_PX
    assert (drawn[side + GAP_PX : side + GAP_PX + 20, :step] < 255).any()  # words under the picture


def test_parameters_are_told_without_the_seed_of_the_noise():
    chain = Chain("noisy", 4, 0, {"all": Steps({"noise": GaussianNoise(sigma=[7, 7], gray=1)})})
    assert told(chain, 3) == ["all.noise: sigma 7, kind gray"]
    assert told(Chain("rare", 4, 0, {"noise": GaussianNoise(probability=0, sigma=[1, 2])}), 0) == ["nothing is done"]
    assert told(Bicubic(4), 0) == ["bicubic"]
    assert told(Mixture("m", 4, 0, {"clean": Bicubic(4)}), 0) == ["clean"]


def test_the_middle_of_a_large_picture_is_shown():
    hr = torch.rand(1, 3, 700, 1000)
    assert torch.equal(middle(hr, 4), hr[..., 94:606, 244:756])
    assert middle(torch.rand(1, 3, 30, 50), 4).shape == (1, 3, 28, 28)
