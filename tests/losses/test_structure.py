import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from sr.losses import MSSSIM
from sr.losses.structure import WEIGHTS


def by_scipy(a, b, scales):
    """MS-SSIM of two images of one channel, by scipy's filters."""
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))

    def window(x):
        for axis in (0, 1):
            x = correlate1d(x, taps / taps.sum(), axis)
        return x[5:-5, 5:-5]

    weights, found = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales]), 1.0
    for j, weight in enumerate(weights):
        ma, mb = window(a), window(b)
        va, vb, cov = window(a * a) - ma**2, window(b * b) - mb**2, window(a * b) - ma * mb
        term = (2 * cov + 9e-4) / (va + vb + 9e-4)
        if j == scales - 1:
            term *= (2 * ma * mb + 1e-4) / (ma**2 + mb**2 + 1e-4)
        found *= term.mean() ** weight
        a, b = (x.reshape(len(x) // 2, 2, -1, 2).mean((1, 3)) if len(x) > 11 else x for x in (a, b))
    return found


@pytest.mark.parametrize("scales", [1, 2, 4])
def test_equal_to_the_definition(sr, hr, scales):
    expected = by_scipy(*(image[0, 1].double().numpy() for image in (sr, hr)), scales)
    assert MSSSIM(scales)(sr[:, 1:2], hr[:, 1:2]).item() == pytest.approx(1 - expected, abs=1e-5)
    assert 0.01 < 1 - expected < 0.9


def test_close_to_torchmetrics_which_pads(sr, hr):
    sr, hr = (torch.cat([image, image.flip(-1)], -1).repeat(1, 1, 2, 1)[..., :192, :192] for image in (sr, hr))
    expected = multiscale_structural_similarity_index_measure(sr, hr, data_range=1.0)
    assert MSSSIM()(sr, hr).item() == pytest.approx(1 - expected.item(), abs=5e-3)


@pytest.mark.parametrize("channels", [1, 3, 4, 13])
def test_zero_at_identity_and_mean_over_channels_and_images(sr, hr, channels):
    sr, hr = (torch.cat([image] * 5, 1)[:, :channels] for image in (sr, hr))
    loss = MSSSIM(3)
    assert loss(hr, hr) == 0
    assert loss(torch.cat([hr, sr]), torch.cat([hr, hr])).item() == pytest.approx(loss(sr, hr).item() / 2, rel=1e-5)


def test_of_flat_images_luminance_alone_differs():
    """One scale, 0.5 and 0.25: (2 x 0.125 + 1e-4) / (0.3125 + 1e-4)."""
    a, b = torch.full((1, 1, 11, 11), 0.5), torch.full((1, 1, 11, 11), 0.25)
    assert MSSSIM(1)(a, b).item() == pytest.approx(1 - 0.2501 / 0.3126, abs=1e-4)


def test_a_step_against_the_gradient_comes_closer(sr, hr):
    image, loss = sr.clone().requires_grad_(), MSSSIM(4)
    loss(image, hr).backward()
    assert loss(sr - 0.01 * image.grad / image.grad.abs().max(), hr) < loss(sr, hr)


def test_inverted_structure_has_a_finite_gradient(hr):
    image = (1 - hr).requires_grad_()
    loss = MSSSIM(2)(image, hr)
    loss.backward()
    assert loss.item() == pytest.approx(1, abs=0.01)
    assert image.grad.isfinite().all()


def test_full_precision_under_autocast(sr, hr):
    with torch.autocast("cpu", torch.bfloat16):
        found = MSSSIM(3)(sr, hr)
    assert found == MSSSIM(3)(sr, hr)


@pytest.mark.parametrize(("side", "scales"), [(11, 1), (22, 2), (43, 2), (44, 3), (88, 4), (127, 4)])
def test_how_many_scales_a_crop_allows(side, scales):
    image = torch.rand(1, 1, side, side + 5)
    assert MSSSIM(scales)(image, image) == 0
    least = 11 * 2**scales
    with pytest.raises(ValueError, match=rf"{scales + 1} scales needs .* {least} pixels, got {side + 5}x{side}; "
                                         rf"scales={scales} fits"):  # fmt: skip
        MSSSIM(scales + 1)(image, image)


def test_what_is_too_small_for_all_and_scales_that_there_are_not():
    with pytest.raises(ValueError, match="none fits so few"):
        MSSSIM(1)(torch.rand(1, 1, 10, 20), torch.rand(1, 1, 10, 20))
    with pytest.raises(ValueError, match="scales=6: MS-SSIM has 1 to 5"):
        MSSSIM(6)
