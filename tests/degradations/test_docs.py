"""docs/degradations.md: what it names exists, and its chain works."""

import re
from pathlib import Path

import torch
import yaml
from hydra.utils import instantiate

import sr.degradations

from .chains import NAMES, config_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "degradations.md").read_text()


def test_every_chain_and_operator_is_told():
    told = set(re.findall(r"`(\w+)`", PAGE))
    assert set(NAMES) <= told
    assert set(sr.degradations.__all__) - {"Bicubic", "Chain", "Mixture", "aim", "of_sample", "pair"} <= told


def test_the_chain_of_the_page_works():
    given = yaml.safe_load(PAGE.split("```yaml\n")[1].split("```")[0])
    chain = instantiate(given | {"scale": 4, "seed": 0})
    assert chain(torch.rand(3, 3, 32, 32), range(3))[0].shape == (3, 3, 8, 8)


def test_the_command_line_reaches_steps():
    options = PAGE.split("reaches it: `")[1].split("`")[0].split()
    steps = config_of("realesrgan", *options).steps
    assert (list(steps.jpeg.quality), list(steps.blur.sigma)) == ([60, 95], [0.2, 2])
