"""A degradation that draws: what it makes of a sample depends on the seed and the sample's number alone."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from sr.data import pack, photos
from sr.data.crops import Crops, StepSampler, collate
from sr.degradations import of_sample, pair
from sr.image.resize import imresize

MINE = '''
import torch
from sr.degradations import of_sample
from sr.image.resize import imresize


class Noisy(torch.nn.Module):
    """Noise of a level of its own for each sample; the target is sharpened."""

    protocol = "noisy"

    def __init__(self, scale, seed):
        super().__init__()
        self.scale, self.seed = scale, seed

    def forward(self, hr, n):
        lr = imresize(hr, 1 / self.scale, clip=True)
        draws = [of_sample(self.seed, i) for i in n]
        levels = [0.1 * draw.random() for draw in draws]
        noise = [level * torch.from_numpy(draw.standard_normal(lr.shape[1:])) for level, draw in zip(levels, draws)]
        lr = (lr + torch.stack(noise).to(lr)).clamp(0, 1)
        soft = imresize(lr, self.scale)
        return lr, (hr + 0.1 * (hr - soft)).clamp(0, 1)
'''


@pytest.fixture(scope="module")
def noisy():
    scope: dict = {}
    exec(MINE, scope)
    return scope["Noisy"](4, seed=7)


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    files = [photos.folder() / name for name in ("coffee.png", "astronaut.png")]
    packed = pack.build(files, photos.folder(), tmp_path_factory.mktemp("cache"), channels=3, minimum_px=32)
    return Crops(packed, None, 32, 4, seed=3)


def test_a_batch_is_its_singles(noisy, crops):
    items = [crops[n] for n in range(40, 56)]
    lr, hr = pair(collate(items), noisy, "cpu")
    assert lr.shape == (16, 3, 8, 8)
    for i, item in enumerate(items):
        one_lr, one_hr = pair(collate([item]), noisy, "cpu")
        torch.testing.assert_close(lr[i : i + 1], one_lr, atol=1e-6, rtol=0)
        torch.testing.assert_close(hr[i : i + 1], one_hr, atol=1e-6, rtol=0)
    plain = imresize(torch.stack([item["hr"] for item in items]) / 255, 1 / 4)
    spread = (lr - plain).flatten(1).std(1)
    assert spread.max() > 3 * spread.min()  # a level of its own for each


def test_workers_change_nothing(noisy, crops):
    batches = []
    for workers in (0, 2):
        loader = DataLoader(crops, batch_sampler=StepSampler(5, 4), num_workers=workers, collate_fn=collate)
        batches.append([pair(batch, noisy, "cpu") for batch in loader])
    for one, other in zip(*batches, strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def test_it_is_called_outside_of_autocast_with_the_numbers_of_the_samples(crops):
    seen = []

    def look(hr, n):
        seen.append((torch.is_autocast_enabled("cpu"), hr.dtype, list(n)))
        return hr[..., ::4, ::4], hr

    with torch.autocast("cpu", torch.bfloat16):
        pair(collate([crops[8], crops[9]]), look, "cpu")
    assert seen == [(False, torch.float32, [8, 9])]


def test_draws_are_those_of_the_seed_and_the_number():
    first = of_sample(5, 77).random(4)
    assert np.array_equal(of_sample(5, 77).random(4), first)
    assert not np.array_equal(of_sample(5, 78).random(4), first)
    assert not np.array_equal(of_sample(6, 77).random(4), first)
    crop = np.random.Generator(np.random.Philox(key=5, counter=[0, 77, 0, 0])).random(4)  # as crops draw
    assert not np.array_equal(crop, first)
