import numpy as np
import pytest
import torch
from torchmetrics.functional.image import error_relative_global_dimensionless_synthesis, spectral_angle_mapper

from sr.metrics import ERGAS, SAM, ergas, sam


@pytest.fixture(scope="module")
def scenes():
    """Two scenes of six bands and noisy ones of them."""
    random = torch.Generator().manual_seed(0)
    hr = torch.rand(2, 6, 20, 21, generator=random) + 0.1
    return hr + 0.05 * torch.randn(hr.shape, generator=random), hr


def pixels(*spectra: list[float]) -> torch.Tensor:
    """One row of pixels with these spectra, 1 C 1 n."""
    return torch.tensor(spectra, dtype=torch.float64).T[None, :, None]


# --- SAM --------------------------------------------------------------------------------------------------------------


def test_sam_equals_torchmetrics(scenes):
    sr, hr = scenes
    radians = spectral_angle_mapper(sr.double(), hr.double(), reduction="none").mean((1, 2))
    assert radians.min() > 0.05
    assert sam(sr, hr).tolist() == pytest.approx(radians.rad2deg().tolist(), abs=1e-9)


def test_hand_worked_angles():
    """45 degrees, 90, 60, 0 and 180: the mean is 75."""
    a = pixels([1, 0, 0], [0, 2, 0], [1, 1, 0], [3, 1, 2], [1, 2, 3])
    b = pixels([5, 5, 0], [0, 0, 1], [0, 4, 4], [6, 2, 4], [-1, -2, -3])
    assert sam(a, b).item() == pytest.approx(75, abs=1e-9)


@pytest.mark.parametrize("radians", [1e-3, 1e-6, 1e-9, 1e-12])
def test_tiny_angles_are_exact(radians):
    """Of the arc cosine of a dot product nothing would be left below 1e-8."""
    one, other = pixels([1, 0]), pixels([np.cos(radians), np.sin(radians)])
    assert sam(one, other).item() == pytest.approx(np.rad2deg(radians), rel=1e-6)


def test_brightness_does_not_matter(scenes):
    sr, hr = scenes
    assert torch.allclose(sam(3000 * sr.double(), hr), sam(sr, hr), rtol=1e-9)
    assert sam(hr * 2, hr).tolist() == [0, 0]


def test_pixels_without_a_spectrum_are_left_out():
    a = pixels([1, 0], [0, 0], [1, 1], [0, 0])
    b = pixels([1, 1], [1, 0], [0, 0], [0, 0])
    assert sam(a, b).item() == pytest.approx(45)
    assert sam(torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 3, 3)) == 0


def test_one_band_has_no_angle():
    with pytest.raises(ValueError, match="at least 2 bands, got 1"):
        sam(torch.rand(1, 1, 4, 4), torch.rand(1, 1, 4, 4))


# --- ERGAS ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [2, 4])
def test_ergas_equals_torchmetrics(scenes, scale):
    sr, hr = (image.double() for image in scenes)
    expected = error_relative_global_dimensionless_synthesis(sr, hr, ratio=scale, reduction="none")
    assert expected.min() > 1
    assert ergas(sr, hr, scale).tolist() == pytest.approx(expected.tolist(), abs=1e-9)


def test_hand_worked_ergas():
    """Relative errors of 0.3 and 0.4: 100 / 4 sqrt((0.09 + 0.16) / 2)."""
    hr = torch.tensor([10.0, 200]).view(1, 2, 1, 1).expand(1, 2, 4, 4)
    sr = torch.tensor([13.0, 120]).view(1, 2, 1, 1).expand(1, 2, 4, 4)
    assert ergas(sr, hr, 4).item() == pytest.approx(25 * np.sqrt(0.125))


def test_a_band_that_is_zero_in_hr_alone_is_infinitely_wrong(scenes):
    sr, hr = scenes
    hr = torch.cat([hr[:1], hr[1:] * torch.tensor([1, 0, 1, 1, 1, 1]).view(6, 1, 1)])
    scores = ergas(sr, hr, 4)
    assert scores[0] == ergas(sr[:1], hr[:1], 4)
    assert scores[1] == torch.inf
    assert ergas(hr, hr, 4).tolist() == [0, 0]


# --- both -------------------------------------------------------------------------------------------------------------


def test_what_is_no_number_is_no_perfect_score(scenes):
    sr, hr = scenes
    broken = sr.clone()
    broken[0, :, 3, 3] = torch.nan
    for metric in (sam, lambda *pair: ergas(*pair, 4)):
        assert metric(broken, hr).isnan().tolist() == [True, False]


@pytest.mark.parametrize(
    ("metric", "function"), [(SAM(), sam), (ERGAS(scale=2), lambda *pair: ergas(*pair, 2))], ids=["SAM", "ERGAS"]
)
def test_class_means_over_images(scenes, metric, function):
    sr, hr = scenes
    metric.update(sr, hr)
    metric.update(hr[:1, :, :7], hr[:1, :, :7])
    assert metric.compute().item() == pytest.approx(function(sr, hr).sum().item() / 3, abs=1e-12)
    assert not metric.higher_is_better


def test_protocols_name_unit_and_scale():
    assert "degrees" in SAM().protocol
    assert "100 / 2 sqrt" in ERGAS(scale=2).protocol
