import math

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage, special

from sr.degradations import Blur, Defocus, Motion, Sinc, kernels, of_sample
from sr.degradations.blur import convolve
from sr.errors import UserError

ROUNDING = 2e-6  # of float32, by way of the frequencies


@pytest.mark.parametrize(
    ("size", "shape"),
    [(21, (3, 97, 128)), (15, (3, 190, 201)), (3, (1, 401, 300)), (7, (1, 20, 33)), (21, (4, 9, 5)), (5, (3, 1, 8))],
)
def test_equal_to_scipy_and_opencv_on_images_of_any_size(size, shape):
    random = np.random.default_rng(0)
    image, kernel = random.random(shape, np.float32), random.random((size, size), np.float32)
    kernel /= kernel.sum()
    ours = convolve([torch.from_numpy(image)], torch.from_numpy(kernel)[None])[0]
    theirs = [ndimage.convolve(plane.astype(np.float64), kernel, mode="mirror") for plane in image]
    np.testing.assert_allclose(ours, theirs, atol=ROUNDING)
    if min(shape[1:]) > size:
        turned = np.ascontiguousarray(kernel[::-1, ::-1])  # filter2D correlates
        np.testing.assert_allclose(ours[0], cv2.filter2D(image[0], -1, turned), atol=ROUNDING)


def test_images_of_one_batch_have_kernels_of_their_own(face):
    images = [face[:, :40, :50] / 255, face[:, :64, :64] / 255, face[:, :40, :50] / 255]
    operator = Blur(shapes={"iso": 1, "plateau_aniso": 1}, sinc=0.3)
    draws = [operator.draw(of_sample(0, n)) for n in (0, 1, 9)]
    assert len({draw["shape"] for draw in draws}) == 3
    for image, draw, blurred in zip(images, draws, operator(images, draws, (1, 1)), strict=True):
        torch.testing.assert_close(blurred, operator([image], [draw], (1, 1))[0], atol=ROUNDING, rtol=0)


def test_parameters_of_shapes_lie_where_they_should():
    operator = Blur(
        (7, 21), {"aniso": 1, "generalized_iso": 1, "plateau_iso": 1}, (0.2, 3), (0.5, 4), (1, 2), sinc=0.25
    )
    draws = [operator.draw(of_sample(1, n)) for n in range(2000)]
    assert {draw["size"] for draw in draws} == set(range(7, 22, 2))
    iso = [draw for draw in draws if draw["shape"].endswith("_iso")]
    assert all(draw["sigma"] == draw["sigma_2"] for draw in iso)
    betas = [draw["beta"] for draw in draws if draw["shape"] == "generalized_iso"]
    assert 0.4 < np.mean(np.array(betas) < 1) < 0.6  # below and above 1 equally likely
    assert min(draw["beta"] for draw in draws if draw["shape"] == "plateau_iso") >= 1
    for small in (True, False):
        cutoffs = [draw["cutoff"] for draw in draws if draw["shape"] == "sinc" and (draw["size"] < 13) is small]
        assert min(cutoffs) == pytest.approx(math.pi / (3 if small else 5), abs=0.1)
        assert max(cutoffs) == pytest.approx(math.pi, abs=0.1)


def test_sinc_rings_as_the_ideal_filter():
    edge = torch.zeros(1, 64, 64)
    edge[..., 32:] = 1
    low = Sinc((21, 21))([edge], [{"size": 21, "cutoff": math.pi / 3}], (1, 1))[0]
    r = np.hypot(*np.meshgrid(np.arange(-10, 11), np.arange(-10, 11)))
    r[10, 10] = 1e-6
    ideal = special.j1(math.pi / 3 * r) / r
    theirs = ndimage.convolve(edge[0].double().numpy(), ideal / ideal.sum(), mode="mirror")
    np.testing.assert_allclose(low[0], theirs, atol=ROUNDING)
    assert low.max() > 1.03


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (8, 21)}, "kernels have odd sizes"),
        ({"shapes": {"round": 1}}, "give probabilities of iso, aniso"),
        ({"shapes": {}}, "give probabilities of iso"),
        ({"sigma": (3, 1)}, r"sigma=\[3, 1\]; give \[low, high\] from 0 on"),
        ({"probability": 2}, "Blur: probability=2; give a number of 0 to 1"),
    ],
)
def test_what_makes_no_kernel_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        Blur(**options)


def test_defocus_and_motion_are_their_kernels(face):
    images = [face[:, :40, :50] / 255, face[:, :64, :64] / 255]
    for operator, make in ((Defocus((2, 9)), lambda d: kernels.disc([d["radius"]])),
                           (Motion((3, 20)), lambda d: kernels.line([d["length"]], [d["angle"]]))):  # fmt: skip
        draws = [operator.draw(of_sample(0, n)) for n in range(2)]
        for image, draw, blurred in zip(images, draws, operator(images, draws, (1, 1)), strict=True):
            theirs = ndimage.convolve(image[0].double().numpy(), make(draw)[0].numpy(), mode="mirror")
            np.testing.assert_allclose(blurred[0], theirs, atol=ROUNDING)


def test_variances_are_drawn_in_place_of_sigmas():
    sigmas = [Blur(variance=(0, 8)).draw(of_sample(0, n))["sigma"] for n in range(2000)]
    assert np.mean(np.square(sigmas)) == pytest.approx(4, rel=0.05)
    assert min(sigmas) > 0
    sharp = torch.rand(1, 30, 30)
    draw = Blur(sigma=(0, 0)).draw(of_sample(0, 0))
    torch.testing.assert_close(Blur()([sharp], [draw], (1, 1))[0], sharp, atol=ROUNDING, rtol=0)
