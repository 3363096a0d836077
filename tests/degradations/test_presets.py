"""10,000 draws of the chains of conf/degradation against the numbers of their YAML, as in test_statistics.py.

What is expected is read from the YAML alone: how often a step comes, and of each of its parameters the interval, the
whole numbers or the shares.
"""

from collections import defaultdict
from math import log

import numpy as np
import pytest
from hydra.utils import instantiate
from scipy import stats

from .chains import NAMES, config_of
from .test_statistics import DRAWS, happens, has_shares, is_uniform

WHOLE = {"quality"}
NAMES_OF = {"shapes": "shape", "methods": "method", "formats": "format", "subsampling": "subsampling",
            "demosaic": "demosaic", "codecs": "codec"}  # fmt: skip
INTERVALS = {"sigma", "width", "strength", "amount", "length", "radius", "share", "sigma_x", "sigma_y", "shift", "red",
             "blue", "factor", "quality"}  # fmt: skip


def leaves(config, name, probability=1.0):
    """(name, config, probability) of all operators of a YAML."""
    kind = config["_target_"].rpartition(".")[2]
    own = probability * config.get("probability", 1.0)
    if kind == "Camera":
        yield f"{name}.unprocess", config, own
        for part in ("sensor", "picture"):
            for key, step in config.get(part, {}).items():
                yield from leaves(step, f"{name}.{part}.{key}", own)
    elif kind in ("Steps", "OneOf"):
        weights = config.get("weights", dict.fromkeys(config.steps, 1.0)) if kind == "OneOf" else {}
        for key, step in config.steps.items():
            share = weights[key] / sum(weights.values()) if weights else 1.0
            yield from leaves(step, f"{name}.{key}", own * share)
    else:
        yield name, config, own


@pytest.fixture(scope="module", params=[name for name in NAMES if name != "realesrgan"])
def chain(request):
    config = config_of(request.param)
    degradation = instantiate(config)
    drawn = defaultdict(list)
    for n in range(DRAWS):
        for name, draw in degradation.draws(n):
            drawn[name].append(draw)
    steps = [leaf for key, step in config.steps.items() for leaf in leaves(step, key)]
    return steps, drawn, degradation


def test_steps_come_as_often_as_the_yaml_says(chain):
    steps, drawn, degradation = chain
    assert {name for name, _, _ in steps} == {
        n for n in degradation.names.values() if not n.endswith(("develop", "tone"))
    }
    for name, _, probability in steps:
        happens(len(drawn[name]), DRAWS, probability)


def test_parameters_are_drawn_as_the_yaml_says(chain):
    steps, drawn, _ = chain
    looked_at = 0
    for name, config, _ in steps:
        draws = drawn[name]
        for key, given in config.items():
            if key in NAMES_OF and not any(draw.get("shape") == "sinc" for draw in draws):
                has_shares([draw[NAMES_OF[key]] for draw in draws], {k: v for k, v in given.items() if v})
            elif key in INTERVALS and given is not None:
                values = [draw[key] for draw in draws if key in draw and draw.get("kind") != "correlated"]
                if given[0] == given[1]:
                    assert set(values) == {given[0]}
                elif key in WHOLE:
                    has_shares(values, dict.fromkeys(range(given[0], given[1] + 1), 1))
                elif "directions" not in config:
                    is_uniform(values, *given)
            elif key == "shot":
                shots = np.log([draw["shot"] for draw in draws])
                is_uniform(shots, log(given[0]), log(given[1]))
                read = np.log([draw["read"] for draw in draws])
                line = config.get("slope", 2.18) * shots + config.get("offset", 1.2)
                assert stats.kstest((read - line) / config.get("spread", 0.26), "norm").pvalue > 1e-4
            elif key == "exposure":
                assert stats.kstest([draw["exposure"] for draw in draws], "norm", given).pvalue > 1e-4
            elif key == "twice":
                happens(sum("amount_2" in draw for draw in draws), len(draws), given)
            else:
                continue
            looked_at += 1
    assert looked_at > 5 - 3 * (len(steps) < 4)
