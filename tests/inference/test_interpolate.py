import numpy as np
import pytest
import torch
from PIL import Image

from sr.image.resize import imresize
from sr.inference.interpolate import INTERPOLATIONS
from sr.inference.models import load

from .conftest import close


def pillow(kind: Image.Resampling):
    """Of floating point, plane by plane."""

    def enlarge(lr: np.ndarray, scale: int) -> np.ndarray:
        size = lr.shape[-1] * scale, lr.shape[-2] * scale
        return np.stack([np.asarray(Image.fromarray(plane).resize(size, kind)) for plane in lr[0]])[None]

    return enlarge


REFERENCES = {
    "nearest": lambda lr, scale: np.repeat(np.repeat(lr, scale, 2), scale, 3),
    "bilinear": pillow(Image.Resampling.BILINEAR),
    "bicubic": lambda lr, scale: imresize(torch.from_numpy(lr), scale).numpy(),
}


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", REFERENCES)
def test_interpolations_are_those_of_others(name, scale, lr):
    reference = torch.from_numpy(REFERENCES[name](lr.numpy(), scale))
    assert close(load(name, scale)(lr), reference, 1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_lanczos_is_that_of_pillow(scale, face):
    pale = face[:, 20:63, 30:89].permute(1, 2, 0).numpy() // 2 + 64  # so that nothing overshoots, which Pillow clips
    reference = np.asarray(Image.fromarray(pale).resize((59 * scale, 43 * scale), Image.Resampling.LANCZOS))
    made = load("lanczos", scale)(torch.from_numpy(pale).permute(2, 0, 1)[None] / 255)
    difference = (made[0] * 255).permute(1, 2, 0).numpy() - reference
    assert np.abs(difference).max() <= 1.5  # each of Pillow's two passes rounds
    assert np.abs(difference).mean() < 0.5


@pytest.mark.parametrize("name", INTERPOLATIONS)
@pytest.mark.parametrize("channels", [1, 3, 13])
def test_interpolations_take_any_number_of_channels_one_by_one(name, channels):
    enlarge = load(name, 3)
    lr = torch.rand(2, channels, 7, 5)
    sr = enlarge(lr)
    assert sr.shape == (2, channels, 21, 15)
    assert sr.dtype == torch.float32
    assert close(sr[1:, channels - 1 :], enlarge(lr[1:, channels - 1 :]), 1e-6)
    assert (enlarge.name, enlarge.scale, enlarge.channels, enlarge.parameters) == (name, 3, None, 0)
