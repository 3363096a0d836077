import cv2
import numpy as np
import pytest
import torch
from skimage.restoration import estimate_sigma

from sr.degradations import Denoise, of_sample
from sr.degradations.denoise import bilateral, noise_level


@pytest.mark.parametrize(("sigma", "width"), [(0.05, 0.7), (0.2, 1.4), (0.4, 2.0)])
def test_equal_to_opencv(face, sigma, width):
    image = (face[:, :50, :61] / 255 + 0.05 * torch.randn(3, 50, 61, generator=torch.Generator().manual_seed(0))).clamp(
        0, 1
    )
    radius = max(1, round(1.5 * width))
    theirs = cv2.bilateralFilter(
        image.permute(1, 2, 0).numpy(), 2 * radius + 1, sigma, width, borderType=cv2.BORDER_REFLECT_101
    )
    ours = bilateral([image], [sigma], [width])[0].permute(1, 2, 0)
    np.testing.assert_allclose(ours, theirs, atol=2e-5)  # OpenCV has weights in a table


def test_each_image_its_own_and_noise_is_less(face):
    operator = Denoise()
    clean = face[:, :40, :50] / 255
    noisy = (clean + 0.05 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    draws = [operator.draw(of_sample(0, n)) for n in range(6)]
    images = [noisy, noisy[:, :33, :31], noisy[:1], noisy, noisy, noisy]
    for image, draw, one in zip(images, draws, operator(images, draws, (1, 1)), strict=True):
        assert torch.equal(one, operator([image], [draw], (1, 1))[0])


def test_it_is_as_strong_as_the_noise():
    clean = torch.linspace(0.3, 0.7, 60).expand(3, 50, 60)
    for deviation in (0.01, 0.08):
        noise = deviation * torch.randn(3, 50, 60, generator=torch.Generator().manual_seed(1))
        theirs = estimate_sigma((clean + noise).numpy(), channel_axis=0, average_sigmas=True)
        assert noise_level(clean + noise) == pytest.approx(deviation, rel=0.03)
        assert noise_level(clean + noise) == pytest.approx(theirs, rel=0.08)
        left = [
            (Denoise()([clean + noise], [{"strength": strength, "width": 1.5}], (1, 1))[0] - clean).std() / deviation
            for strength in (0.3, 1, 3)
        ]
        assert left[0] > 0.9
        assert left[0] > left[1] > left[2]
        assert left[2] < 0.45
    assert noise_level(torch.rand(3, 2, 9)) == 0
