"""Photographs are recognised by what was done to them; the table in the package is that of the presets of today."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate

from benchmarks import estimation
from sr.estimation import Estimate, nearest, of_tiles
from sr.estimation.presets import KERNELS, features, known

CLEAN = Estimate(0.5, 0.8, None, None, False, 0.4, 0.1)
NOISY = CLEAN._replace(noise=20.0, grain=20.0)
SAVED = CLEAN._replace(quality=40, grid=(0, 0))


@pytest.fixture
def table():
    """Of three degradations, ten samples each, a little apart."""
    random = np.random.default_rng(0)
    return {name: features(one) + random.normal(0, 0.3, (10, 5)) * KERNELS
            for name, one in (("clean", CLEAN), ("noisy", NOISY), ("saved", SAVED))}  # fmt: skip


def test_each_is_nearest_to_its_own(table):
    for name, one in (("clean", CLEAN), ("noisy", NOISY), ("saved", SAVED)):
        found = nearest([one], table)
        assert found.name == name
        assert found.shares[name] > 0.95
        assert sum(found.shares.values()) == pytest.approx(1)


def test_what_is_not_known_says_nothing(table):
    assert nearest([NOISY._replace(width=None, halo=None)], table).name == "noisy"
    without = {name: np.where(np.arange(5) < 3, samples, np.nan) for name, samples in table.items()}
    assert nearest([NOISY], without).name == "noisy"


def test_many_photos_are_surer_than_one_and_a_stray_one_does_not_decide(table):
    between = CLEAN._replace(noise=3.0, grain=3.0)  # nearer to clean than to noise
    one, many = nearest([between], table), nearest([between] * 5, table)
    assert many.shares["clean"] >= one.shares["clean"]
    stray = Estimate(200.0, 200.0, 1, (0, 0), False, 4.0, 0.5)
    assert nearest([CLEAN, CLEAN, stray], table).name == "clean"


def test_every_preset_is_in_the_table():
    """python benchmarks/estimation.py PHOTOS --write adds what is missing."""
    assert set(known()) == set(estimation.names())
    assert all(samples.shape[1] == len(KERNELS) and len(samples) >= 32 for samples in known().values())


@pytest.fixture(scope="module")
def tiles():
    root = os.environ.get("SR_PHOTOS")
    if not root or not (files := estimation.photos(Path(root))):
        pytest.skip("SR_PHOTOS names no folder of photographs")
    return files


@pytest.mark.parametrize("name", estimation.names())
def test_the_table_is_what_presets_and_estimates_make_today(name, tiles):
    """python benchmarks/estimation.py PHOTOS --write makes anew what has changed."""
    if len(tiles) != 619:
        pytest.skip("the table is of other photographs")
    assert estimation.is_current(name, tiles)


@pytest.mark.parametrize("name", ["bicubic", "bsrgan", "mild", "realesrgan"])
def test_kodak_degraded_is_recognised(name, kodak):
    """Six photographs in four parts of 128 pixels, other ones than those of the table, with other draws."""
    chain = instantiate(estimation.config_of(name))
    chain.seed = 1
    hr = torch.stack([torch.from_numpy(image[:512, :512]).permute(2, 0, 1) / 255 for image in kodak])
    made = [chain(hr.roll(n, 0)[:4], [n] * 4)[0].permute(0, 2, 3, 1).numpy() for n in range(6)]
    seen = [of_tiles(list(lrs)) for lrs in made]
    assert nearest(seen).name == name, (nearest(seen).shares, seen)
