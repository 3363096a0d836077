import pytest
import torch

from sr.metrics import STLPIPS
from sr.metrics.perceptual import ShiftTolerantLPIPS


@pytest.fixture(scope="module")
def distance():
    return ShiftTolerantLPIPS()


@pytest.mark.parametrize("width", [128, 75])
def test_equal_to_the_authors_implementation(stlpips, distance, sr, hr, width):
    sr, hr = (torch.cat([image, image.flip(-1, 1)])[..., :width] for image in (sr, hr))
    wheel = stlpips.LPIPS(net="alex", variant="shift_tolerant", verbose=False)
    with torch.no_grad():
        expected = wheel(sr, hr, normalize=True).flatten()
    assert expected.min() > 0.01
    assert torch.allclose(distance(sr, hr), expected, atol=1e-5)


def test_zero_at_identity_and_larger_for_worse_images(distance, sr, hr):
    assert distance(hr, hr) == 0
    half_way = (sr + hr) / 2
    assert 0 < distance(half_way, hr) < distance(sr, hr)


def test_a_shift_by_one_pixel_matters_less_than_blur(distance, sr, hr):
    assert distance(hr[..., 1:65, 1:65], hr[..., :64, :64]) < distance(sr[..., :64, :64], hr[..., :64, :64])


def test_sr_is_clipped_as_a_file_would_be(distance, sr, hr):
    assert torch.equal(distance(torch.where(hr > 0.9, 1.5, sr), hr), distance(torch.where(hr > 0.9, 1.0, sr), hr))


def test_gray_looks_like_its_rgb(distance, sr, hr):
    gray_sr, gray_hr = sr.mean(1, keepdim=True), hr.mean(1, keepdim=True)
    expected = distance(gray_sr.expand(-1, 3, -1, -1), gray_hr.expand(-1, 3, -1, -1))
    assert torch.allclose(distance(gray_sr, gray_hr), expected)


def test_many_bands_need_three_named_ones(distance, sr, hr):
    many_sr, many_hr = (torch.cat([image, image[:, :1]], 1) for image in (sr, hr))
    with pytest.raises(ValueError, match=r"4 channels for a network that sees 3: choose three with bands="):
        distance(many_sr, many_hr)
    assert torch.equal(ShiftTolerantLPIPS(bands=[0, 1, 2])(many_sr, many_hr), distance(sr, hr))


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


def test_too_small_images_are_refused(distance):
    with pytest.raises(ValueError, match="at least 24 pixels, got 16x16"):
        distance(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16))
