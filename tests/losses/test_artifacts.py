import numpy as np
import pytest
import torch
from scipy.ndimage import generic_filter

from sr.losses import Artifacts
from sr.losses.artifacts import artifact_map


@pytest.fixture(scope="module")
def average(sr, hr):
    """Nearer to hr than sr in some places, farther in others."""
    noise = torch.randn(hr.shape, generator=torch.Generator().manual_seed(0))
    return hr + 0.02 * noise


def by_scipy(sr, hr, average):
    """The map of one image, window by window."""
    residual, of_average = (np.abs(hr - image).sum(0) for image in (sr, average))
    local = generic_filter(residual, lambda window: window.var(ddof=1), 7, mode="mirror")
    return np.where(residual < of_average, 0, residual.var(ddof=1) ** 0.2 * local)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_equal_to_the_definition_window_by_window(sr, hr, average, channels):
    images = [torch.cat([image, image.flip(2)], 1)[:, :channels, 40:64, 40:61] for image in (sr, hr, average)]
    found = artifact_map(*images)
    expected = by_scipy(*(image[0].double().numpy() for image in images))
    assert 0.2 < (expected > 0).mean() < 0.9
    assert found[0, 0].numpy() == pytest.approx(expected, abs=1e-7)
    loss = Artifacts()(*images)
    assert loss.item() == pytest.approx((expected * (images[0] - images[1]).abs()[0].numpy()).mean(), rel=1e-4)


def test_hand_worked_value():
    """One pixel of 49 that is wrong by 0.7 in one band: variance 0.01 in its own window as in the image."""
    hr = torch.zeros(1, 2, 7, 7)
    sr = hr.clone()
    sr[0, 1, 3, 3] = 0.7
    variance = 0.7**2 / 49
    expected = variance**0.2 * variance * 0.7 / (2 * 49)
    assert Artifacts()(sr, hr, hr).item() == pytest.approx(expected, rel=1e-5)
    worse = hr.clone()
    worse[0, 0, 3, 3] = 0.8
    assert Artifacts()(sr, hr, worse) == 0


def test_zero_at_identity_and_where_the_average_errs_more(sr, hr):
    assert Artifacts()(hr, hr, sr) == 0
    assert Artifacts()(sr, hr, hr) > 0
    assert Artifacts()((sr + hr) / 2, hr, sr) == 0


def test_the_map_has_no_gradient_and_the_loss_points_to_hr(sr, hr, average):
    image = sr.clone().requires_grad_()
    Artifacts()(image, hr, average).backward()
    weight = artifact_map(sr, hr, average)
    assert torch.allclose(image.grad, weight * (sr - hr).sign() / sr.numel(), atol=1e-12)


def test_full_precision_under_autocast(sr, hr, average):
    with torch.autocast("cpu", torch.bfloat16):
        same, found = Artifacts()(sr, hr, average), Artifacts()(sr.bfloat16(), hr, average)
    assert same == Artifacts()(sr, hr, average)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(Artifacts()(sr, hr, average).item(), rel=0.05)
