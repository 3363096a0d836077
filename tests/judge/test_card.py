"""The card of a run."""

import json

import pytest

from sr.degradations import Bicubic
from sr.judge import card
from sr.judge.table import columns_of, protocol, table
from sr.metrics import PSNR, SSIM

from .conftest import ROWS

CONFIG = {
    "name": "run",
    "scale": 4,
    "channels": 3,
    "steps": {"pixel": 10, "ramp": 2, "adversarial": 5},
    "generator": {"_target_": "sr.generators.Compact", "scale": 4, "width": 8},
    "data": {"_target_": "sr.data.photos.Photos"},
}


def test_card(tmp_path):
    metrics = {"psnr_y": PSNR(crop_border_px=4), "ssim_y": SSIM()}
    how, columns = protocol(4, 3, metrics, Bicubic(4)), columns_of(metrics)
    card.write(
        tmp_path, "python -m sr.train experiment=run", CONFIG, how, columns, ROWS, seconds=4000, steps=15, model="best"
    )
    written = (tmp_path / "README.md").read_text()
    assert "python -m sr.train experiment=run" in written
    assert "1 h 7 min, 15 steps (10 pixel, 5 adversarial)" in written
    assert table(columns, ROWS) in written
    assert how["psnr_y"] in written
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["rows"] == ROWS
    assert metrics["protocol"] == how
    assert set(metrics["environment"]) >= {"python", "torch", "device", "commit"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "metrics.json"]


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (7, "7 steps (7 pixel, of 10 pixel, 5 adversarial that were planned)"),
        (12, "12 steps (10 pixel, 2 adversarial, of 10 pixel, 5 adversarial that were planned)"),
        (20, "20 steps (10 pixel, 10 adversarial, of 10 pixel, 5 adversarial that were planned)"),
    ],
)
def test_a_run_that_ended_otherwise_than_planned_says_what_was_made(steps, told, tmp_path):
    card.write(tmp_path, "command", CONFIG, {}, {}, [], seconds=170, steps=steps, model="last")
    written = (tmp_path / "README.md").read_text()
    assert told in written
    assert "curves.csv" not in written  # there is none
    (tmp_path / "curves.csv").touch()
    card.write(tmp_path, "command", CONFIG | {"tags": ["a", "b"]}, {}, {}, [], seconds=1, steps=steps, model="last")
    written = (tmp_path / "README.md").read_text()
    assert "[curves.csv](curves.csv)" in written
    assert "Tags: a, b." in written


def test_the_card_of_a_run_by_the_clock_says_that_it_cannot_be_repeated(tmp_path):
    config = CONFIG | {"steps": {"pixel": 10, "ramp": 2, "adversarial": 5, "minutes": 2.5}}
    card.write(tmp_path, "command", config, {}, {}, [], seconds=170, steps=321, model="last")
    told = (tmp_path / "README.md").read_text()
    assert "321 steps (the clock ended each phase, 2.5 min in all shared as 10 pixel, 5 adversarial: not repeat" in told


def test_the_card_of_a_run_by_the_clock_of_the_processor_says_so(tmp_path):
    steps = {"pixel": 10, "ramp": 2, "adversarial": 0, "minutes": 2.5, "clock": "processor"}
    card.write(tmp_path, "command", CONFIG | {"steps": steps}, {}, {}, [], seconds=170, steps=321, model="last")
    assert "2.5 min of processor time in all shared as 10 pixel" in (tmp_path / "README.md").read_text()


def test_what_weights_say_of_themselves():
    about = card.about_weights(CONFIG, ROWS[1:])
    assert about["generator"] == "Compact"
    assert about["arguments"] == {"scale": 4, "width": 8}
    assert about["scores"] == ROWS[1:]
    json.dumps(about)
