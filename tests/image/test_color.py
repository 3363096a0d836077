import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr

from sr.image.color import FULL_SWING, STUDIO_SWING, luma


def test_luma_equals_skimage(face):
    reference = rgb2ycbcr(face.permute(1, 2, 0).numpy())[..., 0]
    assert np.allclose(luma(face[None].double())[0, 0], reference, atol=1e-10)


@pytest.mark.parametrize(("rgb", "y"), [((0, 0, 0), 16), ((255, 255, 255), 235), ((0, 255, 0), 144.553)])
def test_studio_swing(rgb, y):
    assert luma(torch.tensor(rgb, dtype=torch.float64).view(1, 3, 1, 1)).item() == pytest.approx(y)


def test_both_swings_weigh_colours_alike():
    assert sum(FULL_SWING) == pytest.approx(1)
    assert [219 * weight for weight in FULL_SWING] == pytest.approx(STUDIO_SWING)


def test_gray_is_its_own_luma():
    gray = torch.tensor([0.0, 100, 255]).view(1, 1, 1, 3)
    assert torch.equal(luma(gray), gray)


@pytest.mark.parametrize("channels", [2, 4, 13])
def test_other_channels_are_refused(channels):
    with pytest.raises(ValueError, match=f"1 or 3 channels, got {channels}"):
        luma(torch.rand(1, channels, 8, 8))
