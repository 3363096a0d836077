"""Each rule on rows that provoke it, and all of them on the runs that are kept in experiments/."""

import csv
import re

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from sr.config import CONF, register
from sr.limits import leaves
from sr.training import health
from sr.training.health import COLLAPSES, LONG, RULES, History

from ..test_imports import ROOT

WELL = {"accuracy": 0.7, "logits/real": 0.5, "logits/fake": -0.5, "loss/discriminator": 1.1,
        "gradient_norm/generator": 0.1, "gradient_norm/discriminator": 5.0}  # fmt: skip
VALID = {"val/psnr_y": 29.0, "val/psnr_y_bicubic": 28.0, "val/colour_shift": 0.001, "val/checkerboard": 0.001,
         "val/lr_psnr": 45.0}  # fmt: skip


def told(*rows: dict, phase: str = "adversarial", history: History | None = None) -> list[str]:
    """Names of the rules that find something, after as many good rows and validations."""
    history = history or History()
    step = 0
    for row in [*[WELL] * LONG, VALID, VALID, VALID, *rows]:
        step += 50
        history.add(step, phase, (VALID if any(name.startswith("val/") for name in row) else WELL) | row)
    return [rule.__name__ for rule in RULES if rule(history)]


def logits(accuracy: float, gap: float, loss: float) -> dict:
    return {"accuracy": accuracy, "logits/real": gap / 2, "logits/fake": -gap / 2, "loss/discriminator": loss}


@pytest.mark.parametrize(
    ("rows", "rules"),
    [
        ([], []),
        ([logits(0.97, 6.0, 0.1)] * LONG, ["discriminator_ahead"]),
        ([logits(0.97, 1.0, 0.01)] * LONG, ["discriminator_ahead"]),  # logits of least squares
        ([logits(0.97, 6.0, 0.1)] * (LONG - 1), []),  # not for long
        ([logits(0.97, 1.0, 0.9)] * LONG, []),  # logits are not apart
        ([logits(0.97, 60.0, -60.0)] * LONG, []),  # a critic
        ([logits(0.94, 6.0, 0.4)] * LONG, []),
        ([logits(0.40, -0.2, 1.5)] * LONG, ["discriminator_beaten"]),
        ([logits(0.0, 0.0, 1.39)] * LONG, ["discriminator_beaten"]),  # one answer to everything
        ([logits(0.5, 0.0, 1.39)] * LONG, []),  # a draw
        ([logits(0.9, 2.0, 0.5), logits(0.3, -1.0, 2.0)] * 3, ["oscillation"]),
        ([logits(0.9, 2.0, 0.5)] * 3 + [logits(0.3, -1.0, 2.0)] * 3 + [logits(0.9, 2.0, 0.5)] * 3, []),
        ([logits(0.75, 1.0, 1.0), logits(0.5, 0.0, 1.4)] * 5, []),
        ([{"gradient_norm/generator": 1.1}] * 3, ["gradient_norm"]),
        ([{"gradient_norm/discriminator": 51.0}] * 3, ["gradient_norm"]),
        ([{"gradient_norm/generator": 1.1}] * 2, []),  # an outlier
        ([{"gradient_norm/generator": 0.9}] * 3, []),
        ([{"gradient_norm/generator": 0.1 * 1.2**i} for i in range(30)], []),  # growing, not exploding
        ([{"val/psnr_y": 26.9}], ["below_bicubic"]),
        ([{"val/psnr_y": 27.1}], []),  # the floor of the adversarial phase
        ([{"val/colour_shift": 0.03}] * 2, ["colour_drift"]),
        ([{"val/colour_shift": 0.03}], []),
        ([{"val/lr_psnr": 38.0}] * 2, ["colour_drift"]),
        ([{"val/lr_psnr": 40.0}] * 2, []),
        ([{"val/checkerboard": 0.01}] * 2, ["checkerboard"]),
        ([{"val/checkerboard": 0.01}, VALID, {"val/checkerboard": 0.01}], []),
    ],
)  # fmt: skip
def test_each_rule_fires_where_it_should_and_only_there(rows, rules):
    assert told(*rows) == rules


def test_in_the_pixel_phase_nothing_may_fall_below_bicubic_but_everything_starts_there():
    assert told({"val/psnr_y": 27.9}, phase="pixel") == ["below_bicubic"]
    history = History()
    for step in (500, 1000):
        history.add(step, "pixel", VALID | {"val/psnr_y": 20.0})
    assert health.below_bicubic(history) is None


def test_the_last_sound_step_is_that_before_the_trouble():
    history = History()
    for step in range(50, 50 * 16, 50):
        history.add(step, "adversarial", WELL | {"gradient_norm/generator": 9.0 if step > 600 else 0.1})
    assert health.gradient_norm(history).sound == 600
    history.add(500, "adversarial", VALID)
    history.add(1000, "adversarial", VALID | {"val/psnr_y": 20.0})
    assert health.below_bicubic(history).sound == 500


def test_what_a_loss_does_not_tell_is_not_missed():
    history = History()
    for step in range(40):
        history.add(step, "adversarial", {"loss/generator": 1.0, "gradient_norm/generator": 0.1})
        history.add(step, "adversarial", {"val/sam": 1.0})
    assert [rule(history) for rule in RULES] == [None] * len(RULES)
    assert len(history.rows) == health.KEPT


def test_a_phase_is_judged_by_its_own_rows():
    history = History()
    for step in range(LONG):
        history.add(step, "pixel", {"gradient_norm/generator": 0.01})
    for step in range(3):
        history.add(LONG + step, "adversarial", {"gradient_norm/generator": 1.0})
    assert health.gradient_norm(history) is None


COLLAPSED = {"2026-11-30-wgsr_light": {"discriminator_ahead": 600, "below_bicubic": 400}}  # rule -> when it is told


@pytest.mark.parametrize("file", sorted((ROOT / "experiments").glob("*/curves.csv")), ids=lambda file: file.parent.name)
def test_recorded_runs_are_well_but_for_those_that_are_kept_as_collapsed(file):
    config = OmegaConf.load(file.parent / "config.yaml")
    history = History(floor_db=config.callbacks.checkpoints.floor_db)
    found: dict[str, int] = {}
    with open(file, newline="") as rows:
        for row in csv.DictReader(rows):
            step = int(row.pop("step"))
            phase = "pixel" if step <= config.steps.pixel else "adversarial"
            history.add(step, phase, {name: float(value) for name, value in row.items() if value})
            for rule in RULES:
                if rule(history):
                    found.setdefault(rule.__name__, step)
    assert history.rows
    assert history.validations
    assert found == COLLAPSED.get(file.parent.name, {})


def test_the_knobs_that_are_named_are_there():
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        config = compose("train", ["data=folder", "data.root=photos"])
    options = {name for name, _ in leaves(OmegaConf.to_container(config, resolve=False))}
    options |= {"losses.content.weights", "losses.content.terms"}
    source = (ROOT / "sr" / "training" / "health.py").read_text()
    names = set(
        re.findall(r"(?<!\.)\b(?:system|schedule|losses|data|discriminator)(?:\.\w+)+", source.split("Rule = ")[0])
    )
    assert len(names) > 10
    assert names - options == set()
    assert (ROOT / "conf" / "discriminator" / "unet_small.yaml").exists()


def test_collapses_are_rules():
    assert set(COLLAPSES) < set(RULES)
