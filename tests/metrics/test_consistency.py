import numpy as np
import pytest
import torch

from sr.image.resize import imresize
from sr.metrics import LRConsistency, lr_psnr, psnr


@pytest.mark.parametrize("scale", [2, 4])
def test_whatever_shrinks_to_the_lr_is_perfect(hr, scale):
    lr = imresize(hr.double(), 1 / scale)
    assert lr_psnr(hr, lr) == 100


def test_detail_that_the_camera_could_not_see_is_free(hr):
    """Stripes of one HR pixel, 20 levels each way, shrink to nothing but at the border, where half of one is seen."""
    stripes = torch.tensor([-20.0, 20]).repeat(64) / 255
    hr = 0.1 + 0.8 * hr
    lr = imresize(hr, 1 / 4)
    assert psnr(hr + stripes, hr, y=False) < 23
    assert lr_psnr(hr + stripes, lr) > 45


@pytest.mark.parametrize("levels", [10, 0.4])
def test_a_shift_of_colour_is_not(hr, levels):
    """An error of so many levels everywhere, which 8 bits would not always show: 20 log10(255 / levels)."""
    hr = 0.1 + 0.8 * hr.double()
    lr = imresize(hr, 1 / 4)
    assert lr_psnr(hr + levels / 255, lr).item() == pytest.approx(20 * np.log10(255 / levels), abs=1e-6)


def test_nor_is_a_shift_of_place(hr):
    lr = imresize(hr, 1 / 4)
    assert lr_psnr(hr.roll(2, -1), lr) < 35


def test_any_number_of_bands_and_all_count(hr):
    many = torch.cat([hr, hr[:, :2]], 1)
    lr = imresize(many, 1 / 2)
    assert lr_psnr(many, lr) > 99
    lr[:, 4] = 0
    assert lr_psnr(many, lr) < 20


@pytest.mark.parametrize(("height", "width"), [(64, 63), (63, 64), (64, 32), (15, 16)])
def test_sizes_that_are_no_multiples_are_refused(hr, height, width):
    with pytest.raises(ValueError, match=rf"SR \({height}, {width}\) is no multiple of LR \(16, 16\)"):
        lr_psnr(hr[..., :height, :width], hr[..., :16, :16])


def test_class_means_over_images_and_sees_sr_and_lr(sr, hr):
    metric, lr = LRConsistency(), imresize(hr, 1 / 4)
    assert metric.inputs == ("sr", "lr")
    assert metric.higher_is_better
    assert "unrounded" in metric.protocol
    metric.update(torch.cat([sr, hr]), torch.cat([lr, lr]))
    metric.update(sr.flip(1), lr)
    scores = [lr_psnr(image, lr).item() for image in (sr, hr, sr.flip(1))]
    assert len({round(score, 3) for score in scores}) == 3
    assert metric.compute().item() == pytest.approx(np.mean(scores), abs=1e-9)
