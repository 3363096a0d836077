import numpy as np
import pytest
import torch

from sr.metrics import DISTS


@pytest.fixture
def metric(trunks, heads, monkeypatch):
    """DISTS on random weights: no wheel is needed."""
    monkeypatch.setattr("sr.backbones.texture.dists_heads", lambda: heads)
    return DISTS(weights=str(trunks["vgg"][1]))


def test_class_rounds_as_a_file_would_and_means_over_images(metric, pair):
    sr, hr = pair
    rounded = (sr * 255).round() / 255
    metric.update(torch.cat([sr, hr]), torch.cat([hr, hr]))
    metric.update(sr.flip(-1), hr.flip(-1))
    scores = [metric.distance(*pair).item() for pair in ((rounded, hr), (hr, hr), (rounded.flip(-1), hr.flip(-1)))]
    assert metric.compute().item() == pytest.approx(np.mean(scores), abs=1e-6)
    assert not metric.higher_is_better
    assert not metric.state_dict()
