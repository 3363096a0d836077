from collections import Counter

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from sr.config import CONF, register
from sr.degradations import USM, Bicubic, Chain, GaussianNoise, Mixture
from sr.errors import UserError


def mixture(**options) -> Mixture:
    parts = {"clean": Bicubic(2), "noisy": Chain("noisy", 2, 0, {"noise": GaussianNoise(sigma=[20, 20])})}
    return Mixture("both", 2, 0, parts, **options)


def test_each_sample_is_that_of_its_part_and_a_batch_is_its_samples(hr):
    hr = hr[:1, :, :32, :32].repeat(8, 1, 1, 1)
    mixed = mixture()
    lr, target = mixed(hr, range(8))
    names = [mixed.chosen(i) for i in range(8)]
    assert set(names) == {"clean", "noisy"}
    for i, name in enumerate(names):
        assert torch.equal(lr[i : i + 1], mixed.parts[name](hr[:1], [i])[0])
        assert torch.equal(lr[i : i + 1], mixed(hr[:1], torch.tensor([i]))[0])
    assert torch.equal(target, hr)


def test_parts_are_as_likely_as_they_are_said_to_be():
    counts = Counter(mixture(weights={"clean": 1, "noisy": 3}).chosen(i) for i in range(4000))
    assert counts["noisy"] / 4000 == pytest.approx(0.75, abs=0.03)
    assert "noisy 75 %" in mixture(weights={"clean": 1, "noisy": 3}).protocol


def test_draws_tell_the_part():
    mixed = mixture()
    assert {draws[0][0] for draws in map(mixed.draws, range(8))} == {"clean", "noisy.noise"}


def test_unknown_parts_are_refused():
    with pytest.raises(UserError, match="give probabilities of clean, noisy"):
        mixture(weights={"dirty": 1})


def test_the_bundled_one(hr):
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        mixed = instantiate(compose("train", overrides=["degradation=mixed", "seed=3"]).degradation)
    assert {part.seed for name, part in zip(mixed.parts.names, mixed.parts, strict=True) if name != "clean"} == {3}
    assert mixed(hr[:, :, :64, :64], [0])[0].shape == (len(hr), 3, 16, 16)


def test_a_mixture_in_a_mixture_chooses_by_numbers_of_its_own():
    with pytest.raises(UserError, match=r"parts \['both'\] of a mixture are mixtures of its own seed, 0"):
        Mixture("more", 2, 0, {"clean": Bicubic(2), "both": mixture()})
    outer = Mixture("more", 2, 1, {"clean": Bicubic(2), "both": mixture()})
    inner = [outer.parts["both"].chosen(n) for n in range(200) if outer.chosen(n) == "both"]
    assert 20 < inner.count("noisy") < len(inner) - 20


def test_a_part_that_sharpens_targets_is_refused():
    with pytest.raises(UserError, match=r"parts \['sharp'\] of a mixture sharpen targets, and the others do not"):
        Mixture("both", 2, 0, {"clean": Bicubic(2), "sharp": Chain("sharp", 2, 0, {}, sharpen=USM())})
