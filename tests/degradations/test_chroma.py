import cv2
import numpy as np
import pytest
import torch

from sr.degradations import ChromaBleeding, of_sample
from sr.degradations.noise import luma


@pytest.mark.parametrize("shift", [-1.5, 0.0, 2.0])
def test_chroma_is_blurred_and_shifted_as_by_opencv(face, shift):
    image = face[:, :50, :61] / 255
    ours = ChromaBleeding()([image], [{"sigma_x": 3.0, "sigma_y": 1.0, "shift": shift}], (1, 1))[0]
    ycc = cv2.cvtColor(image.permute(1, 2, 0).numpy(), cv2.COLOR_RGB2YCrCb)
    blurred = cv2.GaussianBlur(ycc[..., 1:], (19, 19), 3, sigmaY=1, borderType=cv2.BORDER_REFLECT_101)
    moved = cv2.warpAffine(blurred, np.float64([[1, 0, shift], [0, 1, 0]]), (61, 50), borderMode=cv2.BORDER_REPLICATE)
    theirs = cv2.cvtColor(np.dstack([ycc[..., :1], moved]), cv2.COLOR_YCrCb2RGB).clip(0, 1)
    np.testing.assert_allclose(ours.permute(1, 2, 0), theirs, atol=2e-3)  # OpenCV has colours in three digits


def test_luma_stays_and_each_image_is_its_own(face):
    operator = ChromaBleeding()
    images = [0.25 + face[:, :40, :50] / 510, 0.25 + face[:, :33, :31] / 510]  # far enough from 0 and 1
    draws = [operator.draw(of_sample(0, n)) for n in (1, 2)]
    for image, draw, one in zip(images, draws, operator(images, draws, (1, 1)), strict=True):
        assert torch.equal(one, operator([image], [draw], (1, 1))[0])
        torch.testing.assert_close(luma(one), luma(image), atol=1e-5, rtol=0)
        assert (one - image).abs().mean() > 1e-3
    gray = torch.rand(1, 8, 8)
    assert torch.equal(operator([gray], draws[:1], (1, 1))[0], gray)
