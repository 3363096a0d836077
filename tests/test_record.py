"""The card and the table of a run."""

import json

from sr import record

ROWS = [
    {"model": "bicubic", "set": "Set5", "scale": 4, "n": 5, "psnr_y": 28.4217, "ssim_y": 0.81, "st_lpips": 0.3},
    {"model": "best", "set": "Set5", "scale": 4, "n": 5, "psnr_y": 30.0, "ssim_y": 0.85, "st_lpips": 0.1},
]
CONFIG = {
    "name": "run",
    "scale": 4,
    "channels": 3,
    "steps": {"pixel": 10, "ramp": 2, "adversarial": 5},
    "generator": {"_target_": "sr.generators.Compact", "scale": 4, "width": 8},
    "data": {"_target_": "sr.data.photos.Photos"},
}


def test_table():
    lines = record.table(ROWS).splitlines()
    assert lines[0].startswith("| set | model | PSNR-Y (dB) | SSIM-Y | ST-LPIPS")
    assert lines[2] == "| Set5 x4 (5) | bicubic | 28.42 | 0.8100 | 0.3000 |"


def test_card(tmp_path):
    record.write(tmp_path, "python -m sr.train experiment=run", CONFIG, ROWS, seconds=4000, steps=15)
    card = (tmp_path / "README.md").read_text()
    assert "python -m sr.train experiment=run" in card
    assert "1 h 7 min, 15 steps (10 pixel, 5 adversarial)" in card
    assert record.table(ROWS) in card
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["rows"] == ROWS
    assert metrics["protocol"]["crop_border_px"] == 4
    assert set(metrics["environment"]) >= {"python", "torch", "device", "commit"}


def test_what_weights_say_of_themselves():
    about = record.about_weights(CONFIG, ROWS[1:])
    assert about["generator"] == "Compact"
    assert about["arguments"] == {"scale": 4, "width": 8}
    assert about["scores"] == ROWS[1:]
    json.dumps(about)
