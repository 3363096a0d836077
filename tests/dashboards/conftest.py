"""Runs as they lie on the disk."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sr.judge import cells
from sr.judge.panel import panel

CURVES = """step,loss/generator,val/psnr_y,val/st_lpips,val/psnr_y_bicubic,accuracy
10,0.5,,,,
20,{loss},,,,0.75
20,,{psnr},0.2,28.5,
30,nan,{less},0.1,28.5,0.5
"""


@pytest.fixture
def make_run(tmp_path) -> Callable[..., Path]:
    """make_run("a/0", seed=1) writes a finished run."""

    def make_run(name: str, seed: int = 0, psnr: float = 29.0, finished: bool = True) -> Path:
        folder = tmp_path / name
        (folder / ".hydra").mkdir(parents=True)
        (folder / ".hydra" / "overrides.yaml").write_text(f"- experiment=srgan\n- seed={seed}\n")
        (folder / "config.yaml").write_text(
            f"name: srgan\nseed: {seed}\ndata:\n  seed: {seed}\n  root: photos\n"
            "metrics:\n  psnr_y:\n    _target_: sr.metrics.PSNR\n  st_lpips:\n    _target_: sr.metrics.STLPIPS\n"
            f"logger:\n  curves:\n    file: {folder}/curves.csv\n"
        )
        (folder / "curves.csv").write_text(CURVES.format(loss=0.25 + seed, psnr=psnr, less=psnr - 1))
        generator = torch.Generator().manual_seed(seed)
        shared = [torch.full((3, 16, 16), level) for level in (0.1, 0.2, 0.9)]
        for step in (20, 30):
            made = torch.rand(3, 16, 16, generator=generator)
            cells.save(panel([[*shared[:2], made, shared[2]]], ["SR"]), folder / "samples" / f"step_{step:08d}.png")
        if finished:
            (folder / "README.md").write_text("# srgan")
            row = {"set": "Set5", "scale": 4, "n": 5}
            rows = [
                row | {"model": "bicubic", "psnr_y": 28.5, "ci95": {"psnr_y": [27, 30]}},
                row | {"model": "best", "psnr_y": psnr, "ci95": {"psnr_y": [psnr - 0.5, psnr + 0.5]}},
            ]
            (folder / "metrics.json").write_text(json.dumps({"protocol": {}, "environment": {}, "rows": rows}))
            best = torch.rand(3, 16, 16, generator=generator)
            cells.save(panel([[*shared[:2], best, shared[2]]], ["best"]), folder / "samples" / "final.png")
        return folder

    return make_run
