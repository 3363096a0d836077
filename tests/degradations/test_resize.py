import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from sr.degradations import Resize, of_sample
from sr.degradations.resize import resized
from sr.errors import UserError

ROUNDING = 2e-6
THEIRS = {"area": cv2.INTER_AREA, "bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}


@pytest.mark.parametrize("method", THEIRS)
@pytest.mark.parametrize("size", [(64, 64), (19, 37), (127, 77), (129, 200), (3, 1)], ids=str)
def test_equal_to_opencv(face, method, size):
    image = face[:, :, :120] / 255
    theirs = cv2.resize(image.permute(1, 2, 0).numpy(), size[::-1], interpolation=THEIRS[method])
    ours = resized(image, *size, method).permute(1, 2, 0)
    tolerance = ROUNDING if method == "area" else 2e-5  # OpenCV has positions in float32
    np.testing.assert_allclose(ours, theirs.reshape(*size, 3), atol=tolerance)


@pytest.mark.parametrize(("method", "filter_"), [("antialiased", "BICUBIC"), ("lanczos", "LANCZOS")])
@pytest.mark.parametrize("size", [(31, 64), (100, 90), (140, 300)], ids=str)
def test_antialiased_and_lanczos_are_pillows_within_the_border(face, size, method, filter_):
    image = face[0] / 255
    theirs = np.asarray(Image.fromarray(image.numpy(), "F").resize(size[::-1], Image.Resampling[filter_]))
    ours = resized(image[None], *size, method)[0]
    inner = np.s_[8:-8, 8:-8]
    np.testing.assert_allclose(ours[inner], theirs[inner], atol=2e-5)


def test_factors_and_directions():
    operator = Resize((0.15, 1.5), {"up": 0.2, "down": 0.7, "keep": 0.1})
    factors = np.array([operator.draw(of_sample(0, n))["factor"] for n in range(3000)])
    assert np.mean(factors == 1) == pytest.approx(0.1, abs=0.03)
    assert np.mean(factors > 1) == pytest.approx(0.2, abs=0.03)
    assert factors.min() > 0.15
    assert factors.max() < 1.5


def test_of_the_image_of_lr_or_to_lr(face):
    image = face / 255
    draw = {"factor": 0.5, "method": "area"}
    of_image, of_lr = (Resize((0.5, 0.5))([image], [draw | {"of": of}], (20, 30))[0] for of in ("image", "lr"))
    assert of_image.shape == (3, 64, 64)
    assert of_lr.shape == (3, 10, 15)
    to_lr = Resize()
    assert to_lr([image], [to_lr.draw(of_sample(0, 0))], (20, 30))[0].shape == (3, 20, 30)
    assert to_lr([image[:, :20, :30]], [to_lr.draw(of_sample(0, 0))], (20, 30))[0].equal(image[:, :20, :30])


def test_what_is_no_resize_is_refused():
    with pytest.raises(UserError, match="of=hr; give image or lr"):
        Resize((0.5, 1), of="hr")
    with pytest.raises(UserError, match=r"methods=.*nearest.*; give probabilities of area, bilinear"):
        Resize(methods={"nearest": 1})


def test_shrunk_and_enlarged_gradients_flow():
    x = torch.rand(1, 8, 8, dtype=torch.float32, requires_grad=True)
    for method in THEIRS:
        resized(x, 5, 11, method).sum().backward()
    assert x.grad.abs().min() > 0
