"""What every metric says of itself: tables, figures and reports read nothing else."""

import pytest
from torchmetrics import Metric

from sr import metrics
from sr.metrics import PSNR, SSIM, dists, perceptual

CLASSES = [cls for name in metrics.__all__ if isinstance(cls := getattr(metrics, name), type)]
NEEDED = {"ERGAS": {"scale": 4}}


@pytest.fixture(params=CLASSES, ids=lambda cls: cls.__name__)
def metric(request, monkeypatch) -> Metric:
    """Without the weights of others: what a metric says does not depend on them."""
    monkeypatch.setattr(perceptual, "lpips", lambda *_: None)
    monkeypatch.setattr(dists, "TextureAndStructure", lambda *_: None)
    return request.param(**NEEDED.get(request.param.__name__, {}))


def test_there_are_metrics():
    assert len(CLASSES) == 11
    assert all(issubclass(cls, Metric) for cls in CLASSES)


def test_a_metric_tells_how_it_is_shown_and_made(metric):
    assert metric.title
    assert metric.digits in (2, 4)
    assert isinstance(metric.higher_is_better, bool)
    assert len(metric.protocol) > 10
    assert set(metric.inputs) <= {"sr", "hr", "lr"}
    assert metric.axis in ("", "distortion", "perception")


def test_its_title_tells_where_lower_is_better(metric):
    assert ("lower" in metric.title) is not metric.higher_is_better


def test_each_class_has_a_title_of_its_own_and_each_axis_an_order():
    assert len({cls.title for cls in CLASSES}) == len(CLASSES)
    ranks = [cls.axis_rank for cls in CLASSES if cls.axis == "perception"]
    assert sorted(ranks) == list(range(len(ranks)))


@pytest.mark.parametrize(("cls", "titles"), [(PSNR, ("PSNR-Y (dB)", "PSNR (dB)")), (SSIM, ("SSIM-Y", "SSIM"))])
def test_the_title_of_fidelity_tells_of_which_channels(cls, titles):
    assert (cls().title, cls(y=False).title) == titles
    assert cls(y=False, title="of two bands").title == "of two bands"
