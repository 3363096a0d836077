"""What an evaluation is made of, as its configuration says."""

import pytest
import torch
from hydra import compose, initialize_config_dir

from sr.config import CONF, register
from sr.degradations import Bicubic
from sr.inference import models
from sr.judge.evaluation import load_degradation, load_metrics, load_sets
from sr.judge.score import score
from sr.judge.table import protocol


@pytest.fixture
def judged(benchmarks, make, tmp_path):
    """judged(words of the command line): PSNR-Y of bicubic on Set5, which has LR files, and on a folder; and how."""
    register()
    make(tmp_path / "photos", "a.png b.png")
    sets = f"sets=[set5,{tmp_path / 'photos'}]"

    def judged(*words: str) -> tuple[list[float], str]:
        with initialize_config_dir(CONF, version_base="1.3"):
            config = compose("evaluate", [sets, f"root={benchmarks}", "metrics=fidelity", "~metrics.ssim_y", *words])
        degradation, metrics = load_degradation(config, torch.device("cpu")), load_metrics(config)[0]
        bicubic = models.load("bicubic", 4)
        records = [record for images in load_sets(config, None)
                   for record in score(bicubic, images, metrics, degradation=degradation)]  # fmt: skip
        told = protocol(4, 3, metrics, degradation, files=config.degradation is None)["lr"]
        return [record["scores"]["psnr_y"] for record in records], told

    return judged


def test_a_degradation_that_is_named_makes_lr_of_every_set(judged):
    """Of sets with LR files, too; the draws are fixed by a seed, which is told."""
    files, told = judged()
    assert told == f"the files of the set, or HR {Bicubic.protocol}"
    made, told = judged("degradation=bicubic")  # MATLAB's, by which the LR files of Set5 were made
    assert (made, told) == (files, f"HR {Bicubic.protocol}")
    web, told = judged("degradation=web")
    assert told == "HR degraded as web with seed 0, each image by its number"
    assert all(one < other - 0.1 for one, other in zip(web, files, strict=True))
    assert judged("degradation=web")[0] == web
    other, told = judged("degradation=web", "degradation.seed=7")
    assert "with seed 7" in told
    assert not set(other) & set(web)
