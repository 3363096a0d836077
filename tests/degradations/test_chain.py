"""Chains of operators: what is drawn for a sample is its own, whatever is beside it."""

import ast
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from sr.data import pack, photos
from sr.data.crops import Crops, StepSampler, collate
from sr.degradations import JPEG, USM, Bicubic, Chain, GaussianNoise, OneOf, Resize, Steps, pair
from sr.degradations import operator as operators
from sr.errors import UserError

from .chains import NAMES, chain

HALF_A_LEVEL = 0.5 / 255


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    files = [photos.folder() / name for name in ("coffee.png", "astronaut.png")]
    packed = pack.build(files, photos.folder(), tmp_path_factory.mktemp("cache"), channels=3, minimum_px=64)
    return Crops(packed, None, 64, 4, seed=3)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_its_singles(name, crops):
    degradation = chain(name)
    items = [crops[n] for n in range(40, 56)]
    lr, hr = pair(collate(items), degradation, "cpu")
    assert lr.shape == (16, 3, 16, 16)
    torch.testing.assert_close(255 * lr, (255 * lr).round(), atol=1e-4, rtol=0)
    assert lr.min() >= 0
    assert lr.max() <= 1
    for i, item in enumerate(items):
        one_lr, one_hr = pair(collate([item]), degradation, "cpu")
        assert torch.equal(lr[i : i + 1], one_lr)
        assert torch.equal(hr[i : i + 1], one_hr)
    clean = Bicubic(4)(hr)[0]
    off = (lr - clean).abs().flatten(1).mean(1)
    assert off.min() > 0
    assert off.max() > 2 * off.min()  # each its own damage
    assert off.max() < 0.3  # and still the same picture


@pytest.mark.parametrize("name", ["realesrgan", "phone"])
def test_images_of_one_shape_at_once_as_on_a_gpu(monkeypatch, crops, name):
    hr = torch.stack([crops[n]["hr"] for n in range(16)]) / 255
    degradation = chain(name)
    alone = degradation(hr, range(16))[0]

    def by_shape(images):
        return [[i for i, image in enumerate(images) if image.shape == s] for s in {image.shape for image in images}]

    monkeypatch.setattr(operators, "together", by_shape)
    same = (degradation(hr, range(16))[0] - alone).abs().amax((1, 2, 3)) < HALF_A_LEVEL
    assert same.sum() >= 13  # a value that is rounded the other way before JPEG changes whole blocks


def test_workers_processes_and_resuming_change_nothing(crops):
    degradation = chain("realesrgan")

    def batches(workers=0, **place):
        sampler = StepSampler(4, 4, **place)
        loader = DataLoader(crops, batch_sampler=sampler, num_workers=workers, collate_fn=collate)
        return {tuple(batch["n"]): pair(batch, degradation, "cpu") for batch in loader}

    whole = batches()
    for same in (batches(workers=2), batches(start=2)):
        for n, (lr, hr) in same.items():
            assert torch.equal(lr, whole[n][0])
            assert torch.equal(hr, whole[n][1])
    for rank in (0, 1):
        share = list(batches(rank=rank, world=2).values())
        for (lr, _), (every_lr, _) in zip(share, whole.values(), strict=True):
            assert torch.equal(lr, every_lr[rank::2])


def test_another_process_draws_the_same():
    code = ("from tests.degradations.chains import chain; d = chain('realesrgan', 'seed=5');"
            "print([d.draws(n) for n in range(3)])")  # fmt: skip
    environment = os.environ | {"PYTHONHASHSEED": "77"}
    root = Path(__file__).resolve().parents[2]
    told = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, check=True)
    degradation = chain("realesrgan", "seed=5")
    assert ast.literal_eval(told.stdout.decode()) == [degradation.draws(n) for n in range(3)]


def test_draws_depend_on_seed_and_number_and_are_those_that_are_applied(crops):
    degradation, other = chain("realesrgan"), chain("realesrgan", "seed=1")
    assert degradation.draws(3) == degradation.draws(torch.tensor(3))
    assert degradation.draws(3) != degradation.draws(4)
    assert degradation.draws(3) != other.draws(3)
    hr = crops[3]["hr"][None] / 255
    assert torch.equal(degradation(hr, [3])[0], degradation(hr, torch.tensor([3]))[0])
    assert not torch.equal(degradation(hr, [3])[0], degradation(hr, [4])[0])
    applied = []
    for operator, name in degradation.names.items():
        operator.register_forward_pre_hook(lambda _, given, name=name: applied.append((name, given[1][0])))
    degradation(hr, [3])
    assert applied == degradation.draws(3)


def test_what_is_not_of_the_size_of_lr_is_shrunk_as_matlab_does(hr):
    lr, target = Chain("plain", 4, 0, {})(hr, [0])
    assert torch.equal(target, hr)
    assert ((lr - Bicubic(4)(hr)[0]).abs() < 1.1 / 255).all()  # which rounds twice


def test_lr_is_made_of_the_sharpened_image_and_hr_stays_as_it_is(hr):
    plain = Chain("plain", 4, 0, {}, sharpen=USM())
    lr, target = plain(hr, [0])
    assert torch.equal(target, hr)
    assert torch.equal(lr, Chain("plain", 4, 0, {})(USM()(hr), [0])[0])
    assert plain.protocol == "sharpened and degraded as plain with seed 0, each image by its number"


def test_shuffled_steps_come_in_every_order_and_ordered_ones_in_theirs():
    steps = {name: GaussianNoise() for name in "abc"}
    for ordered, expected in (((), 6), (("a", "c"), 3)):
        chain_ = Chain("x", 1, 0, {"all": Steps(steps, shuffle=True, ordered=ordered)})
        orders = Counter("".join(name[-1] for name, _ in chain_.draws(n)) for n in range(1200))
        assert len(orders) == expected
        assert min(orders.values()) > 0.8 * 1200 / expected
        assert not ordered or all(order.index("a") < order.index("c") for order in orders)


def test_probabilities_and_one_of_several():
    steps = {"often": GaussianNoise(), "never": GaussianNoise(probability=0)}
    chain_ = Chain("x", 1, 0, {"one": OneOf(steps, {"often": 3, "never": 1}, probability=0.8)})
    drawn = [chain_.draws(n) for n in range(2000)]
    assert {name for draws in drawn for name, _ in draws} == {"one.often"}
    assert np.mean([len(draws) for draws in drawn]) == pytest.approx(0.6, abs=0.04)


def test_threads_are_given_back(hr):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        seen = []
        operator = GaussianNoise()
        operator.register_forward_pre_hook(lambda *_: seen.append(torch.get_num_threads()))
        Chain("x", 4, 0, {"a": operator})(hr, [0])
        assert (seen, torch.get_num_threads()) == ([1], 2)
        Chain("x", 4, 0, {"a": operator})(hr.expand(3, -1, -1, -1), range(3))
        assert (seen, torch.get_num_threads()) == ([1, 1, 1], 2)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_threads_share_the_samples_and_change_nothing(crops, count):
    hr = torch.stack([crops[n]["hr"] for n in range(count)]) / 255
    degradation = chain("phone", "+degradation.sharpen._target_=sr.degradations.USM")
    threads = torch.get_num_threads()
    try:
        made = {}
        for several in (1, 3):
            torch.set_num_threads(several)
            made[several] = degradation(hr, range(count))
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(*made.values(), strict=True):
        assert torch.equal(one, other)


def test_threads_keep_gradients_and_modes(hr):
    degradation = Chain("x", 4, 0, {"jpeg": JPEG(differentiable=True)})
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        images = hr.repeat(2, 1, 1, 1).requires_grad_()
        assert degradation(images, [0, 1])[0].requires_grad
        with torch.no_grad():
            assert not degradation(images, [0, 1])[0].requires_grad
        with torch.inference_mode():
            assert degradation(images, [0, 1])[0].is_inference()
    finally:
        torch.set_num_threads(threads)


def test_steps_may_have_any_name():
    chain_ = Chain("x", 1, 0, {"half": GaussianNoise(), "type": Steps({"keys": GaussianNoise()})})
    assert [name for name, _ in chain_.draws(0)] == ["half", "type.keys"]


def test_mistakes_in_a_chain_are_told():
    with pytest.raises(UserError, match=r"ordered=\['b'\] names no steps; the steps are \['a'\]"):
        Steps({"a": JPEG()}, ordered=["b"])
    with pytest.raises(UserError, match=r"weights=.*give probabilities of a"):
        OneOf({"a": JPEG()}, {"b": 1})
    with pytest.raises(UserError, match=r"quality=\[0, 50\]; give \[low, high\] within 1 and 100"):
        JPEG([0, 50])
    with pytest.raises(UserError, match=r"sigma=\['-.5', 1\] holds text; give \[low, high\] as numbers"):
        GaussianNoise(["-.5", 1])
    with pytest.raises(UserError, match=r"HR is 33x64, not divisible by scale 4; crop it to 32x64"):
        Chain("x", 4, 0, {"a": Resize()})(torch.rand(1, 3, 64, 33), [0])


@pytest.mark.parametrize("channels", [1, 4])
def test_any_number_of_channels(channels):
    assert chain("realesrgan")(torch.rand(4, channels, 64, 64), range(4))[0].shape == (4, channels, 16, 16)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_makes_the_same_images(crops):
    hr = torch.stack([crops[n]["hr"] for n in range(16)]) / 255
    degradation = chain("web")  # without noise, which is drawn on the device
    off = (degradation(hr.cuda(), range(16))[0].cpu() - degradation(hr, range(16))[0]).abs()
    assert (off < 1.5 / 255).float().mean() > 0.99
    assert torch.equal(*(chain("realesrgan")(hr.cuda(), range(16))[0] for _ in range(2)))
