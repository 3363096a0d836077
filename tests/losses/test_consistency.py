import pytest
import torch

from sr.image.resize import imresize
from sr.losses import LRConsistency


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("channels", [1, 3, 13])
def test_zero_of_any_image_that_shrinks_to_lr(hr, scale, channels):
    hr = torch.cat([hr] * 5, 1)[:, :channels, :96, :72]
    lr = imresize(hr, 1 / scale)
    assert LRConsistency()(hr, lr) == 0
    assert LRConsistency()(hr + 0.125, lr).item() == pytest.approx(0.125, rel=1e-4)


def test_what_the_camera_could_not_see_costs_little(hr):
    lr = imresize(hr, 1 / 4)
    checks = torch.tensor([1.0, -1.0]).repeat(64) * 0.1
    waves = torch.sin(torch.arange(128) / 8) * 0.1
    fine, coarse = (LRConsistency()(hr + added, lr) for added in (checks, waves))
    assert fine < 0.1 * coarse


def test_a_step_against_the_gradient_comes_closer(sr, hr):
    lr, image, loss = imresize(hr, 1 / 4), sr.flip(-1).requires_grad_(), LRConsistency()
    before = loss(image, lr)
    before.backward()
    assert loss(image - 0.01 * image.grad / image.grad.abs().max(), lr) < before


def test_full_precision_under_autocast(sr, hr):
    lr = imresize(hr, 1 / 4)
    with torch.autocast("cpu", torch.bfloat16):
        found = LRConsistency()(sr, lr)
    assert found == LRConsistency()(sr, lr)


def test_sizes_that_are_not_a_whole_number_apart_are_refused(hr):
    with pytest.raises(ValueError, match=r"SR \(128, 128\) is no multiple of LR \(32, 31\)"):
        LRConsistency()(hr, hr[..., :32, :31])
