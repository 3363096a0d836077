import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from sr.data.sets import open_set
from sr.image.resize import imresize
from sr.metrics import PSNR, SSIM, psnr, ssim


def as_file(image: torch.Tensor) -> np.ndarray:
    """1 C H W in [0, 1] as the 8-bit H W C that a file would hold."""
    return (image[0].numpy().transpose(1, 2, 0).clip(0, 1) * 255).round().astype(np.uint8)


def reference_psnr(sr, hr, crop: int = 0) -> float:
    height, width = hr.shape[2:]
    a, b = (rgb2ycbcr(as_file(image))[crop : height - crop, crop : width - crop, 0] for image in (sr, hr))
    return peak_signal_noise_ratio(b, a, data_range=255)


def reference_ssim(a: np.ndarray, b: np.ndarray) -> float:
    _, similarity = structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, full=True
    )
    return similarity[5:-5, 5:-5].mean()


@pytest.mark.parametrize("crop", [0, 4])
def test_psnr_equals_skimage(sr, hr, crop):
    sr, hr = sr[..., :70], hr[..., :70]
    assert psnr(sr, hr, crop_border_px=crop).item() == pytest.approx(reference_psnr(sr, hr, crop), abs=1e-6)


@pytest.mark.parametrize("crop", [0, 4])
def test_ssim_equals_skimage(sr, hr, crop):
    a, b = (rgb2ycbcr(as_file(image))[crop : 128 - crop, crop : 128 - crop, 0] for image in (sr, hr))
    assert ssim(sr, hr, crop_border_px=crop).item() == pytest.approx(reference_ssim(a, b), abs=1e-6)


@pytest.mark.parametrize("i", range(5))
def test_on_set5_both_equal_skimage(benchmarks, i):
    item = open_set("Set5", benchmarks, 4)[i]
    sr, hr = imresize(item["lr"][None].double() / 255, 4), item["hr"][None].double() / 255
    a, b = (rgb2ycbcr(as_file(image))[4:-4, 4:-4, 0] for image in (sr, hr))
    assert psnr(sr, hr, crop_border_px=4).item() == pytest.approx(reference_psnr(sr, hr, 4), abs=1e-6)
    assert ssim(sr, hr, crop_border_px=4).item() == pytest.approx(reference_ssim(a, b), abs=1e-6)


def test_over_all_channels(sr, hr):
    a, b = as_file(sr), as_file(hr)
    assert psnr(sr, hr, y=False).item() == pytest.approx(peak_signal_noise_ratio(b, a), abs=1e-6)
    channels = [reference_ssim(a[..., i].astype(float), b[..., i].astype(float)) for i in range(3)]
    assert ssim(sr, hr, y=False).item() == pytest.approx(np.mean(channels), abs=1e-6)


def test_sr_is_rounded_and_clipped_as_a_file_would_be(sr, hr):
    rounded = (sr * 255).round() / 255
    assert not torch.equal(rounded, sr)
    assert psnr(rounded, hr) == psnr(sr, hr)
    assert psnr(torch.where(hr > 0.8, 1.7, sr), hr) == psnr(torch.where(hr > 0.8, 1.0, sr), hr)


def test_unrounded_as_skimage_has_it_of_floats(sr, hr):
    a, b = (255 * image[0].double().numpy().transpose(1, 2, 0) for image in (sr, hr))
    y_a, y_b = (rgb2ycbcr(image / 255)[..., 0] for image in (a, b))
    expected = peak_signal_noise_ratio(b, a, data_range=255)
    assert psnr(sr, hr, y=False, round_8bit=False).item() == pytest.approx(expected, abs=1e-9)
    assert psnr(sr, hr, y=False).item() != pytest.approx(expected, abs=1e-6)
    assert psnr(sr, hr, round_8bit=False).item() == pytest.approx(peak_signal_noise_ratio(y_b, y_a, data_range=255))
    assert ssim(sr, hr, round_8bit=False).item() == pytest.approx(reference_ssim(y_a, y_b), abs=1e-9)


def test_less_than_half_a_level_is_seen_unrounded_alone(hr):
    """An error of 0.4 levels everywhere: 20 log10(255 / 0.4)."""
    sr, hr = hr.double() * 0.9 + 0.4 / 255, hr.double() * 0.9
    assert psnr(sr, hr, y=False, round_8bit=False).item() == pytest.approx(20 * np.log10(255 / 0.4))
    gray = torch.full((1, 1, 8, 8), 100 / 255, dtype=torch.float64)
    assert psnr(gray + 0.4 / 255, gray) == 100


@pytest.mark.parametrize("metric", [PSNR, SSIM])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "of luma (BT.601, 16 to 235, unrounded), rounded to 8 bits, 0 px cropped on each side"),
        ({"y": False, "crop_border_px": 4}, "of all channels together, rounded to 8 bits, 4 px cropped on each side"),
        ({"y": False, "round_8bit": False}, "of all channels together, unrounded, 0 px cropped on each side"),
    ],
)
def test_the_protocol_says_how_the_switches_stand(metric, options, words, sr, hr):
    metric, function = metric(**options), {PSNR: psnr, SSIM: ssim}[metric]
    assert metric.protocol.endswith(words)
    metric.update(sr, hr)
    assert metric.compute().item() == pytest.approx(function(sr, hr, **options).item(), abs=1e-12)


@pytest.mark.parametrize("y", [True, False])
def test_equal_images(hr, y):
    assert psnr(hr, hr, y=y).tolist() == [100.0]
    assert ssim(hr, hr, y=y).tolist() == pytest.approx([1.0], abs=1e-12)


def test_hand_worked_psnr_of_gray():
    """An error of 51 levels everywhere: 20 log10(255 / 51)."""
    sr, hr = torch.full((1, 1, 8, 8), 0.2), torch.zeros(1, 1, 8, 8)
    assert psnr(sr, hr).item() == pytest.approx(20 * np.log10(5))


def test_symmetric(sr, hr):
    assert psnr(sr, hr) == psnr(hr, sr)
    assert torch.allclose(ssim(sr, hr), ssim(hr, sr), rtol=1e-12)


def test_one_score_for_each_image(sr, hr):
    for metric in (psnr, ssim):
        both = metric(torch.cat([sr, hr]), torch.cat([hr, hr]))
        assert torch.allclose(both, torch.cat([metric(sr, hr), metric(hr, hr)]), rtol=1e-12)


def test_classes_agree_with_functions(sr, hr):
    for metric, function in ((PSNR(crop_border_px=4), psnr), (SSIM(crop_border_px=4), ssim)):
        metric.update(sr, hr)
        metric.update(torch.cat([hr, sr.flip(1)]), torch.cat([hr, hr.flip(1)]))
        scores = [function(*pair, crop_border_px=4) for pair in ((sr, hr), (hr, hr), (sr.flip(1), hr.flip(1)))]
        assert metric.compute().item() == pytest.approx(torch.cat(scores).mean().item(), abs=1e-9)
        assert metric.higher_is_better


def test_mean_of_images_is_not_psnr_of_the_mean_error():
    """Errors of 1 and 100 levels: 48.13 and 8.13 dB, mean 28.13; pooled squares would say 11.14."""
    hr = torch.zeros(2, 1, 8, 8)
    sr = torch.tensor([1.0, 100]).view(2, 1, 1, 1).expand(2, 1, 8, 8) / 255
    metric = PSNR()
    metric.update(sr, hr)
    pooled = 10 * np.log10(255**2 / ((1 + 100**2) / 2))
    assert metric.compute().item() == pytest.approx(28.13, abs=0.01)
    assert pooled == pytest.approx(11.14, abs=0.01)


def test_images_of_several_sizes(hr):
    metric = SSIM()
    for size in (32, 64, 128):
        metric.update(hr[..., :size, :size], hr[..., :size, :size])
    assert metric.compute().item() == pytest.approx(1, abs=1e-12)


def test_reset_forgets(sr, hr):
    metric = PSNR()
    metric.update(sr, hr)
    metric.reset()
    metric.update(hr, hr)
    assert metric.compute() == 100


def test_ssim_refuses_what_its_window_does_not_fit_in(hr):
    assert ssim(hr[..., :11, :11], hr[..., :11, :11]).item() == pytest.approx(1, abs=1e-12)
    with pytest.raises(ValueError, match="at least 11x11 pixels, 64x10 are left"):
        ssim(hr[..., :10, :64], hr[..., :10, :64])
    with pytest.raises(ValueError, match="8x8 are left after cropping"):
        ssim(hr[..., :16, :16], hr[..., :16, :16], crop_border_px=4)


def test_psnr_refuses_an_image_of_which_cropping_leaves_nothing(hr):
    with pytest.raises(ValueError, match="left after cropping"):
        psnr(hr[..., :8, :8], hr[..., :8, :8], crop_border_px=4)


def test_luma_of_many_bands_is_refused():
    with pytest.raises(ValueError, match="got 13"):
        psnr(torch.rand(1, 13, 16, 16), torch.rand(1, 13, 16, 16))
    assert psnr(torch.ones(1, 13, 16, 16), torch.ones(1, 13, 16, 16), y=False) == 100
