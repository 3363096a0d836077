"""Folders of sweeps, as their jobs leave them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from PIL import Image

COLUMNS = {
    "psnr_y": {"title": "PSNR-Y (dB)", "digits": 2, "higher_is_better": True, "axis": "distortion"},
    "st_lpips": {"title": "ST-LPIPS", "digits": 4, "higher_is_better": False, "axis": "perception"},
}


@pytest.fixture
def add(tmp_path) -> Callable[..., Path]:
    """add(options, psnr, lpips) adds a job to the sweep; without scores one that was interrupted."""

    def add(options: str, psnr: float | None = None, lpips: float = 0.2, failed: str = "") -> Path:
        folder = tmp_path / str(len(list(tmp_path.glob("*/.hydra"))))
        (folder / ".hydra").mkdir(parents=True)
        OmegaConf.save(OmegaConf.create(["experiment=srgan", *options.split()]), folder / ".hydra" / "overrides.yaml")
        if failed:
            (folder / "ended.json").write_text(json.dumps({"status": "failed", "message": failed}))
        if psnr is None:
            return folder
        rows = [{"model": model, "set": "set5", "psnr_y": p, "st_lpips": d}
                for model, p, d in (("bicubic", 28.4, 0.3), ("best", psnr, lpips), ("last", 1.0, 1.0))]  # fmt: skip
        (folder / "metrics.json").write_text(json.dumps({"rows": rows, "model": "best", "columns": COLUMNS}))
        (folder / "README.md").write_text("# card")
        (folder / "samples").mkdir()
        Image.new("RGB", (90, 40), (int(psnr), 0, 0)).save(folder / "samples" / "final.png")
        (folder / "curves.csv").write_text("step,val/psnr_y,val/psnr_y_bicubic,val/st_lpips,loss/generator\n"
                                           f"2,,,,0.5\n4,{psnr},28.4,{lpips},\n")  # fmt: skip
        return folder

    return add
