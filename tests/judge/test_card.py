"""The card and the table of a run."""

import json

from torchmetrics import MeanSquaredError

from sr.degradations import Bicubic
from sr.judge import card
from sr.metrics import PSNR

MORE = {"ms_per_mp": 31.5, "peak_mb": 6.2}
ROWS = [
    {"model": "bicubic", "set": "Set5", "scale": 4, "n": 5, "psnr_y": 28.4217, "ssim_y": 0.81, "lpips": None, **MORE,
     "parameters": 0, "ci95": {"psnr_y": [27.0, 29.0]}},
    {"model": "best", "set": "Set5", "scale": 4, "n": 5, "psnr_y": 30.0, "ssim_y": None, "lpips": None, **MORE,
     "parameters": 133_216},
]  # fmt: skip
CONFIG = {
    "name": "run",
    "scale": 4,
    "channels": 3,
    "steps": {"pixel": 10, "ramp": 2, "adversarial": 5},
    "generator": {"_target_": "sr.generators.Compact", "scale": 4, "width": 8},
    "data": {"_target_": "sr.data.photos.Photos"},
}


def test_table():
    lines = card.table(ROWS).splitlines()
    # A column of which nothing is known is left out, a cell is not.
    assert lines[0] == "| set | model | PSNR-Y (dB) | SSIM-Y | ms/MP | memory (MB) | parameters |"
    assert lines[2] == "| Set5 x4 (5) | bicubic | 28.42 | 0.8100 | 32 | 6 | 0 |"
    assert lines[3] == "| Set5 x4 (5) | best | 30.00 | - | 32 | 6 | 0.13 M |"


def test_the_protocol_is_that_of_the_metrics():
    found = card.protocol(4, 3, {"psnr_y": PSNR(crop_border_px=4), "other": MeanSquaredError()}, Bicubic(4))
    assert found["scale"] == 4
    assert "4 px cropped" in found["psnr_y"]
    assert found["other"] == "MeanSquaredError"
    assert "expanded to RGB" in found["images"]
    assert "left gray" in card.protocol(4, None, {}, None)["images"]
    assert "13 channels" in card.protocol(4, 13, {}, None)["images"]


def test_card(tmp_path):
    how = card.protocol(4, 3, {"psnr_y": PSNR(crop_border_px=4)}, Bicubic(4))
    card.write(tmp_path, "python -m sr.train experiment=run", CONFIG, how, ROWS, seconds=4000, steps=15)
    written = (tmp_path / "README.md").read_text()
    assert "python -m sr.train experiment=run" in written
    assert "1 h 7 min, 15 steps (10 pixel, 5 adversarial)" in written
    assert card.table(ROWS) in written
    assert how["psnr_y"] in written
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["rows"] == ROWS
    assert metrics["protocol"] == how
    assert set(metrics["environment"]) >= {"python", "torch", "device", "commit"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "metrics.json"]


def test_what_weights_say_of_themselves():
    about = card.about_weights(CONFIG, ROWS[1:])
    assert about["generator"] == "Compact"
    assert about["arguments"] == {"scale": 4, "width": 8}
    assert about["scores"] == ROWS[1:]
    json.dumps(about)
