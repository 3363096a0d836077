"""The example of docs/lightning.md runs: Lightning's Trainer, our system and our data, without Hydra."""

import re
import subprocess
import sys

from sr.weights import store as weights

from .conftest import ROOT

EXAMPLE = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "lightning.md").read_text(), re.DOTALL)[0]
SMALLER = {
    "= 1500, 600": "= 2, 2",
    '"width": 32, "depth": 12': '"width": 4, "depth": 1',
    "VGGDiscriminator(width=16": "VGGDiscriminator(width=2, dense=4",
    'Folder("photos")': 'Folder("photos", crop_px=32, batch_size=2, workers=0)',
}


def test_the_example_trains_and_saves(tmp_path, environment, small_photos):
    (tmp_path / "photos").symlink_to(small_photos)
    example = EXAMPLE
    for part, smaller in SMALLER.items():
        assert example.count(part) == 1, f"the example has no {part} to make smaller"
        example = example.replace(part, smaller)
    example = example.replace("pl.Trainer(", 'pl.Trainer(accelerator="cpu", ')
    home = environment | {"HOME": str(tmp_path)}  # whose cache the example takes
    done = subprocess.run([sys.executable, "-c", example + "\nassert system.global_step == 4"], cwd=tmp_path,
                          env=home, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    _, about = weights.load(tmp_path / "mine.safetensors")
    assert (about["scale"], about["channels"]) == (4, 3)
