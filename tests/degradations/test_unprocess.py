import warnings

import numpy as np
import pytest
import torch
from scipy import stats

from sr.degradations import BadPixels, Camera, CameraNoise, Chain, of_sample
from sr.degradations.unprocess import CAMERAS, TO_XYZ, develop, to_camera, toned, unprocess, untoned

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of colour-science, that some of its optional packages are missing
    import colour


@pytest.fixture(scope="module")
def draws():
    camera = Camera()
    return [camera.draw(of_sample(0, n)) for n in range(4000)]


def test_the_tone_curve_and_its_inverse():
    x = torch.linspace(0, 1, 257, dtype=torch.float64)
    torch.testing.assert_close(toned(x), x**2 * (3 - 2 * x))
    torch.testing.assert_close(toned(untoned(x)), x, atol=1e-12, rtol=0)
    roots = [min(np.roots([-2, 3, 0, -float(y)]).real, key=lambda root: abs(root - 0.5)) for y in x[1:-1]]
    np.testing.assert_allclose(untoned(x)[1:-1], roots, atol=1e-7)


def test_colours_are_those_of_colour_science():
    srgb = colour.RGB_COLOURSPACES["sRGB"]
    np.testing.assert_allclose(TO_XYZ, srgb.matrix_RGB_to_XYZ, atol=2e-4)  # published in four digits, these in seven
    for i, name in enumerate(CAMERAS):
        weights = np.eye(len(CAMERAS))[i]
        expected = np.array(CAMERAS[name]) @ srgb.matrix_RGB_to_XYZ
        np.testing.assert_allclose(to_camera(weights), expected / expected.sum(1, keepdims=True), atol=1e-3)


def test_what_is_unprocessed_is_by_hand():
    """A pixel of a Sony A7R, step by step in NumPy."""
    draw = {"red": 2.0, "blue": 1.6, "exposure": 0.8, "gamma": 2.2, "cameras": [0, 1, 0, 0], "pattern": "RGGB"}
    pixel = np.array([0.6, 0.4, 0.3])
    flat = 0.5 - np.sin(np.arcsin(1 - 2 * pixel) / 3)
    matrix = np.array(CAMERAS["Sony A7R"]) @ np.array(TO_XYZ)
    light = (matrix / matrix.sum(1, keepdims=True)) @ flat**2.2 * 0.8 / [2.0, 1, 1.6]
    image = torch.tensor(pixel, dtype=torch.float32).view(1, 3, 1, 1).expand(-1, -1, 6, 6)
    raw = unprocess(image, [draw])
    np.testing.assert_allclose(raw[0, :, 2, 2], light, atol=1e-6)
    restored = toned(develop(raw, [draw | {"demosaic": "bilinear"}]))
    np.testing.assert_allclose(restored[0, :, 2, 2], pixel, atol=1e-5)


def test_a_picture_comes_back(face, draws):
    """But for highlights and for colours that no camera sees."""
    image = torch.nn.functional.avg_pool2d(face[None] / 255, 2)
    few = draws[:20]
    flat = torch.nn.functional.interpolate(image, scale_factor=4)  # the middle of each 4 x 4 is the pixel itself
    restored = toned(develop(unprocess(flat.expand(20, -1, -1, -1), few), [d | {"demosaic": "bilinear"} for d in few]))
    off = (restored[..., 1::4, 1::4] - image).abs()
    dark = (image.mean(1, keepdim=True) < 0.9).expand_as(off)
    assert off[dark].max() < 0.02
    assert off.max() < 0.1


def test_with_its_detail_a_picture_loses_what_the_mosaic_takes(face, draws):
    image, error = face[None] / 255, {}
    for method in ("bilinear", "malvar"):
        draw = [draws[0] | {"demosaic": method}]
        error[method] = (toned(develop(unprocess(image, draw), draw)) - image).square().mean()
    assert 10 * torch.log10(error["bilinear"] / error["malvar"]) > 2  # dB; of Malvar's paper about 5
    assert error["malvar"] < 10**-2.5


def test_a_gray_wedge_comes_back_but_for_the_brightest(draws):
    wedge = torch.linspace(0, 1, 64)[:, None].expand(1, 3, 64, 16)
    for draw in draws[:8]:
        restored = toned(develop(unprocess(wedge, [draw]), [draw]))
        off = (restored - wedge).abs()[0, :, 2:-2]
        assert off.max() < 0.03
        assert off[:, :55].max() < 0.005
    white = torch.ones(8, 3, 8, 8)
    assert toned(develop(unprocess(white, draws[:8]), draws[:8])).min() > 1 - 1e-6


def test_gains_exposure_cameras_and_mosaics_are_drawn_as_in_the_paper(draws):
    for key, (low, high) in {"red": (1.9, 2.4), "blue": (1.5, 1.9)}.items():
        assert stats.kstest([draw[key] for draw in draws], "uniform", (low, high - low)).pvalue > 1e-3
    assert stats.kstest([draw["exposure"] for draw in draws], "norm", (0.8, 0.1)).pvalue > 1e-3
    cameras = np.array([draw["cameras"] for draw in draws])
    np.testing.assert_allclose(cameras.sum(1), 1)
    np.testing.assert_allclose(cameras.mean(0), 0.25, atol=0.01)
    for key, names in {"pattern": 4, "demosaic": 2}.items():
        assert stats.chisquare(np.unique([draw[key] for draw in draws], return_counts=True)[1]).pvalue > 1e-3
        assert len({draw[key] for draw in draws}) == names


@pytest.mark.parametrize("value", [0.02, 0.3, 0.7])
def test_noise_of_the_sensor_has_the_variance_of_the_formula(value):
    light = torch.full((3, 200, 200), value)
    noisy = CameraNoise(linear=True)([light], [{"shot": 0.002, "read": 1e-5, "seed": 1}], (1, 1))[0]
    assert (noisy - value).var().item() == pytest.approx(0.002 * value + 1e-5, rel=0.03)
    assert noisy.mean().item() == pytest.approx(value, abs=1e-3)


def test_noise_is_on_the_light_and_steps_in_their_order():
    seen = {}

    class Look(CameraNoise):
        def alone(self, image, draw, lr_size):
            seen[self.linear] = image
            return image

    image = torch.full((1, 3, 16, 16), 0.5)
    camera = Camera({"a": Look(linear=True)}, {"b": Look()})
    chain = Chain("x", 1, 0, {"camera": camera})
    names = [name.split(".", 1)[1] for name, _ in chain.draws(0)]
    assert names == ["unprocess", "sensor.a", "develop", "picture.b", "tone"]
    chain(image, [0])
    draw = dict(chain.draws(0))["camera.unprocess"]
    gray = draw["exposure"] * 0.5**2.2
    expected = torch.tensor([gray / draw["red"], gray, gray / draw["blue"]])
    torch.testing.assert_close(seen[True][:, 0, 0], expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(seen[False], image[0], atol=1e-4, rtol=0)


def test_a_hot_pixel_of_the_sensor_becomes_a_cross_of_colour():
    image = torch.full((1, 3, 32, 32), 0.5)
    camera = Camera({"bad": BadPixels((0.002, 0.002), hot=1)}, demosaic={"bilinear": 1})
    off = Chain("x", 1, 3, {"camera": camera})(image, [1])[0] - image
    hit = off.abs().amax((0, 1)) > 2 / 255
    assert 3 <= hit.sum() < 200
    alone = hit & (torch.nn.functional.avg_pool2d(hit[None].float(), 3, 1, 1)[0] < 1.5 / 9)
    assert not alone.any()  # its colour is given to its neighbours
    assert (off.abs().amax(1) - off.abs().amin(1)).max() > 0.2  # in one colour


@pytest.mark.parametrize("channels", [1, 4])
def test_other_than_three_channels_have_no_mosaic(channels, draws):
    image = torch.rand(2, channels, 12, 14)
    restored = toned(develop(unprocess(image, draws[:2]), draws[:2]))
    assert (restored - image).abs().max() < 0.02
