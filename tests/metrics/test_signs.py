"""Colour and checkerboard against what is put in."""

import pytest
import torch

from sr.metrics import Checkerboard, ColourShift, checkerboard, colour_shift


@pytest.fixture
def images():
    random = torch.Generator().manual_seed(0)
    hr = torch.rand(2, 4, 48, 32, generator=random) / 2 + 0.25
    return hr, torch.rand(2, 4, 12, 8, generator=random)


def test_equal_images_have_neither(images):
    hr, lr = images
    assert colour_shift(hr, hr).tolist() == [0, 0]
    assert checkerboard(hr, hr, lr).tolist() == [0, 0]


def test_the_shift_is_that_of_the_worst_channel(images):
    hr, lr = images
    sr = hr.clone()
    sr[0, 2] += 0.05
    sr[0, 1] -= 0.01
    assert colour_shift(sr, hr).tolist() == pytest.approx([0.05, 0], abs=1e-6)
    assert checkerboard(sr, hr, lr).tolist() == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize("period", [2, 4])
def test_a_pattern_of_the_period_or_a_part_of_it_is_found(images, period):
    hr, lr = images
    sign = (-1.0) ** torch.arange(32) if period == 2 else torch.tensor([1.0, 1, -1, -1]).repeat(8)
    assert checkerboard(hr + 0.02 * sign, hr, lr).tolist() == pytest.approx([0.02, 0.02])


def test_a_pattern_of_another_period_and_noise_are_none(images):
    hr, lr = images
    sr = hr + 0.02 * torch.cos(2 * torch.pi * torch.arange(32) / 16)
    assert checkerboard(sr, hr, lr).max() < 1e-6
    assert checkerboard(hr, hr, hr).tolist() == [0, 0]  # scale 1
    noise = 0.02 * torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    assert checkerboard(noise, torch.zeros_like(noise), noise[..., ::4, ::4]) < 0.02 / 30


@pytest.mark.parametrize(("metric", "function"), [(ColourShift, colour_shift), (Checkerboard, checkerboard)])
def test_the_metric_is_the_mean_over_images(images, metric, function):
    hr, lr = images
    sr = hr.roll(1, 3)
    metric = metric()
    given = {"sr": sr, "hr": hr, "lr": lr}
    for i in range(2):
        metric.update(*(given[name][i : i + 1] for name in metric.inputs))
    assert metric.compute() == pytest.approx(function(*(given[name] for name in metric.inputs)).mean().item())
