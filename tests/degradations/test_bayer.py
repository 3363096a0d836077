import warnings

import cv2
import numpy as np
import pytest
import torch

from sr.degradations.bayer import PATTERNS, demosaic, mosaic

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of colour-science, that some of its optional packages are missing
    import colour_demosaicing

INNER = np.s_[4:-4, 4:-4]  # they go on differently beyond the border
THEIRS = {
    "bilinear": colour_demosaicing.demosaicing_CFA_Bayer_bilinear,
    "malvar": colour_demosaicing.demosaicing_CFA_Bayer_Malvar2004,
}
# OpenCV names a pattern by the second row's colours, from the second column on, and its first letter is blue's place.
OPENCV = {"RGGB": cv2.COLOR_BayerRGGB2RGB, "BGGR": cv2.COLOR_BayerBGGR2RGB, "GRBG": cv2.COLOR_BayerGRBG2RGB,
          "GBRG": cv2.COLOR_BayerGBRG2RGB}  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("method", THEIRS)
def test_equal_to_colour_demosaicing(face, pattern, method):
    image = face[:, :61, :52] / 255
    raw = mosaic(image[None], [pattern])
    cfa = colour_demosaicing.mosaicing_CFA_Bayer(image.permute(1, 2, 0).numpy(), pattern)
    np.testing.assert_array_equal(raw[0, 0], cfa.astype(np.float32))
    ours = demosaic(raw, [pattern], [method])[0].permute(1, 2, 0)
    np.testing.assert_allclose(ours[INNER], THEIRS[method](cfa, pattern)[INNER], atol=2e-6)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_bilinear_is_that_of_opencv(face, pattern):
    image = face[:, :60, :52] / 255
    raw = mosaic(image[None], [pattern])
    theirs = cv2.demosaicing((raw[0, 0].numpy() * 65535).round().astype(np.uint16), OPENCV[pattern])
    ours = demosaic(raw, [pattern], ["bilinear"])[0].permute(1, 2, 0)
    np.testing.assert_allclose(ours[INNER], theirs[INNER] / 65535, atol=1.1 / 65535)


@pytest.mark.parametrize("method", THEIRS)
def test_a_ramp_is_kept_up_to_the_border_and_each_image_has_its_own_pattern(method):
    ramp = torch.arange(12.0).expand(4, 3, 10, 12) / 12
    restored = demosaic(mosaic(ramp, PATTERNS), PATTERNS, [method] * 4)
    torch.testing.assert_close(restored[..., 2:-2], ramp[..., 2:-2])
    assert not torch.equal(restored[0], restored[1])  # at the mirrored border
    for i, pattern in enumerate(PATTERNS):
        torch.testing.assert_close(demosaic(mosaic(ramp[:1], [pattern]), [pattern], [method])[0], restored[i])
