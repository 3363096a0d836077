"""10,000 draws of a chain against the numbers of its YAML."""

from collections import defaultdict

import numpy as np
import pytest
from hydra.utils import instantiate
from scipy import stats

from .chains import config_of

DRAWS = 10_000
LEAST = 1e-4  # p-values; some dozens of them are looked at


@pytest.fixture(scope="module")
def realesrgan():
    config = config_of("realesrgan")
    degradation = instantiate(config)
    drawn = defaultdict(list)
    for n in range(DRAWS):
        for place, (name, draw) in enumerate(degradation.draws(n)):
            drawn[name].append(draw | {"place": place})
    return config.steps, drawn


def is_uniform(values, low, high):
    assert stats.kstest(values, "uniform", (low, high - low)).pvalue > LEAST


def has_shares(values, shares):
    counts = np.array([list(values).count(name) for name in shares])
    assert counts.sum() == len(values)
    if len(shares) == 1:
        return
    expected = np.array(list(shares.values())) / sum(shares.values()) * len(values)
    assert stats.chisquare(counts, expected).pvalue > LEAST


def happens(count, of, probability):
    assert stats.binomtest(count, of, probability).pvalue > LEAST


@pytest.mark.parametrize(("name", "probability"), [("blur", 1), ("blur_2", 0.8)])
def test_kernels(realesrgan, name, probability):
    config, draws = realesrgan[0][name], realesrgan[1][name]
    happens(len(draws), DRAWS, probability)
    sincs = [draw for draw in draws if draw["shape"] == "sinc"]
    others = [draw for draw in draws if draw["shape"] != "sinc"]
    happens(len(sincs), len(draws), config.sinc)
    has_shares([draw["shape"] for draw in others], config.shapes)
    has_shares([draw["size"] for draw in draws], dict.fromkeys(range(7, 22, 2), 1))
    assert list(config.size) == [7, 21]
    is_uniform([draw["sigma"] for draw in others], *config.sigma)
    aniso = [draw for draw in others if draw["shape"].endswith("aniso")]
    is_uniform([draw["sigma_2"] for draw in aniso], *config.sigma)
    is_uniform([draw["angle"] for draw in aniso], -np.pi, np.pi)
    for start, (low, high) in (("gen", config.beta_g), ("plateau", config.beta_p)):
        betas = np.array([draw["beta"] for draw in others if draw["shape"].startswith(start)])
        if low < 1:
            happens(int((betas < 1).sum()), len(betas), 0.5)
            is_uniform(betas[betas < 1], low, 1)
        is_uniform(betas[betas >= 1], 1, high)
    for small, least in ((True, np.pi / 3), (False, np.pi / 5)):
        is_uniform([draw["cutoff"] for draw in sincs if (draw["size"] < 13) is small], least, np.pi)


@pytest.mark.parametrize("name", ["resize", "resize_2"])
def test_resizes(realesrgan, name):
    config, draws = realesrgan[0][name], realesrgan[1][name]
    assert len(draws) == DRAWS
    factors = np.array([draw["factor"] for draw in draws])
    has_shares(np.select([factors > 1, factors < 1], ["up", "down"], "keep").tolist(), config.directions)
    is_uniform(factors[factors > 1], 1, config.factor[1])
    is_uniform(factors[factors < 1], config.factor[0], 1)
    has_shares([draw["method"] for draw in draws], config.methods)
    assert {draw["of"] for draw in draws} == {config.get("of", "image")}


@pytest.mark.parametrize("name", ["noise", "noise_2"])
def test_noise(realesrgan, name):
    config, drawn = realesrgan[0][name], realesrgan[1]
    gaussian, poisson = drawn[f"{name}.gaussian"], drawn[f"{name}.poisson"]
    assert len(gaussian) + len(poisson) == DRAWS
    happens(len(gaussian), DRAWS, config.weights.gaussian)
    is_uniform([draw["sigma"] for draw in gaussian], *config.steps.gaussian.sigma)
    is_uniform([draw["scale"] for draw in poisson], *config.steps.poisson.scale)
    grays = ([draw["kind"] == "gray" for draw in gaussian], [draw["gray"] for draw in poisson])
    for draws, gray in zip((gaussian, poisson), grays, strict=True):
        happens(sum(gray), len(draws), 0.4)
        is_uniform([draw["seed"] / 2**32 for draw in draws], 0, 1)


@pytest.mark.parametrize("name", ["jpeg", "last.jpeg"])
def test_jpeg(realesrgan, name):
    config, draws = realesrgan[0], realesrgan[1][name]
    assert len(draws) == DRAWS
    low, high = config.jpeg.quality if name == "jpeg" else config.last.steps.jpeg.quality
    has_shares([draw["quality"] for draw in draws], dict.fromkeys(range(low, high + 1), 1))
    assert {draw["subsampling"] for draw in draws} == {"4:2:0"}


def test_the_last_steps_and_their_order(realesrgan):
    drawn = realesrgan[1]
    sizes, sincs, jpegs = (drawn[f"last.{name}"] for name in ("size.resize", "size.sinc", "jpeg"))
    assert len(sizes) == len(jpegs) == DRAWS
    happens(len(sincs), DRAWS, 0.8)
    happens(sum(jpeg["place"] < size["place"] for jpeg, size in zip(jpegs, sizes, strict=True)), DRAWS, 0.5)
    has_shares([draw["size"] for draw in sincs], dict.fromkeys(range(7, 22, 2), 1))
    is_uniform([draw["cutoff"] for draw in sincs], np.pi / 3, np.pi)
    has_shares([draw["method"] for draw in sizes], {"area": 1, "bilinear": 1, "bicubic": 1})
