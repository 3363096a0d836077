"""One set is one number, whoever opens it: validation, the table of a run's end, evaluation."""

import csv
import json

import pytest
import yaml

from sr.data.photos import folder as photos
from tests import pictures as formats

from .. import ready
from ..data.layouts import lay
from .conftest import SMALL
from .test_train import only_run

PIXEL = [option for option in SMALL if not option.startswith(("discriminator.", "steps.ramp", "steps.adv"))]


@pytest.fixture
def sets(tmp_path, make):
    """One set in three layouts, and a folder of HR alone; all HR images are the same."""
    for layout in ("SelfExSR", "DIV2K", "RealSR"):
        lay(tmp_path / layout, layout, make)
    lay(tmp_path / "pair", "gt and lq", make)
    return tmp_path


def test_data_val_test_and_evaluate_give_one_number_for_one_set(train, sets, environment):
    given = {"SelfExSR": "SelfExSR", "DIV2K": str(sets / "DIV2K"), "gt": "{hr: pair/gt, lr: pair/lq}"}
    which = list(given.values())
    said = train(f"data.val=[{which[0]},{which[1]}]", f"test=[{which[2]},RealSR]", f"data.benchmarks={sets}",
                 "trainer.val_check_interval=4", experiment="srresnet", small=PIXEL)  # fmt: skip
    assert "not scored" not in said
    run = only_run(sets, "srresnet")
    trained = {row["set"]: row for row in json.loads((run / "metrics.json").read_text())["rows"]
               if row["model"] == "bicubic"}  # fmt: skip
    assert list(trained) == ["SelfExSR", "DIV2K", "gt", "RealSR"]

    command = ["sr.evaluate", "out=OUT", f"sets=[{','.join(which)},RealSR]", f"root={sets}", "metrics=paper"]
    done = ready.run(command, sets, environment)
    assert done.returncode == 0, done.stderr
    evaluated = {row["set"]: row for row in json.loads((sets / "OUT" / "metrics.json").read_text())["rows"]}
    for name, row in trained.items():
        for metric in ("psnr_y", "ssim_y"):
            assert row[metric] == evaluated[name][metric] == pytest.approx(evaluated["gt"][metric], abs=1e-12)
        assert row["n"] == evaluated[name]["n"] == 6

    with open(run / "curves.csv", newline="") as file:
        curves = [row for row in csv.DictReader(file) if row["val/psnr_y"]]
    for prefix, name in (("val", "SelfExSR"), ("val/DIV2K", "DIV2K")):
        for row in curves:
            assert float(row[f"{prefix}/psnr_y_bicubic"]) == pytest.approx(evaluated[name]["psnr_y"], abs=1e-4)
            assert float(row[f"{prefix}/psnr_y"]) == pytest.approx(float(curves[0]["val/psnr_y"]), abs=9)
    assert len(curves) > 0

    held = yaml.safe_load((run / "config.yaml").read_text())["sets"]
    assert {name: text.split()[:2] for name, text in held.items()} == {
        "training": ["8", "images"], "validation SelfExSR": ["6", "pairs"], "validation DIV2K": ["6", "pairs"]
    }  # fmt: skip


def test_a_run_that_goes_on_says_that_its_images_have_changed(train, tmp_path):
    formats.write(tmp_path / "val" / "a.png", formats.read(photos() / "chelsea.png")[:64, :64])
    train("data.val=val", experiment="srresnet", small=PIXEL)
    run = only_run(tmp_path, "srresnet")
    formats.write(tmp_path / "val" / "b.png", formats.read(photos() / "chelsea.png")[64:128, :64])
    said = train("data.val=val", f"resume={run}", "steps.pixel=6", experiment="srresnet", small=PIXEL)
    assert "sets.validation val: 1 images " in said
    assert " -> 2 images " in said
