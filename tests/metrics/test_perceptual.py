import os
from pathlib import Path

import numpy as np
import pytest
import torch

from sr.backbones import lpips, shift_tolerant_lpips
from sr.data.sets import open_set
from sr.image.resize import imresize
from sr.metrics import LPIPS, STLPIPS


@pytest.fixture(scope="module")
def distance():
    return shift_tolerant_lpips()


@pytest.fixture(scope="module")
def whole_file(trunks, tmp_path_factory):
    """AlexNet and random heads in one file, as metrics.lpips.weights takes it."""
    random = torch.Generator().manual_seed(0)
    channels = (64, 192, 384, 256, 256)
    heads = {f"lin{i}.weight": torch.rand(1, n, 1, 1, generator=random) for i, n in enumerate(channels)}
    file = tmp_path_factory.mktemp("whole") / "alex.pt"
    torch.save(torch.load(trunks["alex"][1]) | heads, file)
    return file


def test_sr_is_clipped_as_a_file_would_be(distance, sr, hr):
    metric = STLPIPS()
    beyond, at_most = (torch.where(hr > 0.9, value, sr) for value in (1.5, 1.0))
    assert distance(beyond, hr) != distance(at_most, hr)
    metric.update(beyond, hr)
    assert metric.compute() == distance(at_most, hr).double()


def test_class_means_over_images_whatever_the_batches(distance, sr, hr):
    metric = STLPIPS()
    metric.update(sr, hr)
    metric.update(torch.cat([hr, sr.flip(1)]), torch.cat([hr, hr.flip(1)]))
    scores = torch.cat([distance(sr, hr), distance(hr, hr), distance(sr.flip(1), hr.flip(1))])
    assert metric.compute().item() == pytest.approx(scores.mean().item(), abs=1e-6)
    assert not metric.higher_is_better
    assert not metric.state_dict()


def test_autocast_changes_nothing(sr, hr):
    scores = []
    for enabled in (False, True):
        metric = STLPIPS()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            metric.update(sr, hr)
        scores.append(metric.compute().item())
    assert scores[0] == scores[1]


def test_lpips_of_bicubic_on_set5(benchmarks):
    """The authors of SPSR (arXiv 2003.13081) print 0.3407."""
    if "SR_WEIGHTS" not in os.environ:
        pytest.skip("SR_WEIGHTS names no folder that holds lpips_alex.pt")
    metric = LPIPS(weights=str(Path(os.environ["SR_WEIGHTS"]) / "lpips_alex.pt"))
    for item in open_set("Set5", benchmarks, 4):
        metric.update(imresize(item["lr"][None] / 255, 4), item["hr"][None] / 255)
    assert metric.compute().item() == pytest.approx(0.3406, abs=0.001)


def test_lpips_class_rounds_as_a_file_would_and_means_over_images(whole_file, sr, hr):
    metric, distance = LPIPS(weights=str(whole_file)), lpips("alex", whole_file)
    rounded = [(image * 255).round() / 255 for image in (sr, sr.flip(-1))]
    metric.update(sr, hr)
    metric.update(sr.flip(-1), hr)
    expected = np.mean([distance(image, hr).item() for image in rounded])
    assert metric.compute().item() == pytest.approx(expected, abs=1e-7)
    assert distance(sr, hr) != distance(rounded[0], hr)
    assert "rounded to 8 bits" in metric.protocol
    assert not metric.higher_is_better
    assert not metric.state_dict()
