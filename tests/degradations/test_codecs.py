import io

import numpy as np
import pytest
import torch
from PIL import Image

from sr.degradations import Codec, of_sample
from sr.degradations.codecs import KINDS
from sr.degradations.jpeg import by_libjpeg
from sr.errors import UserError


@pytest.mark.parametrize("name", KINDS)
def test_each_format_is_what_pillow_saves(face, name):
    image = face[:, :45, :61] / 255
    result = {}
    for quality in (20, 80):
        operator = Codec({name: 1}, (quality, quality))
        draw = operator.draw(of_sample(0, 0))
        result[quality] = operator([image], [draw], (1, 1))[0]
        file = io.BytesIO()
        Image.fromarray(face[:, :45, :61].permute(1, 2, 0).numpy()).save(file, KINDS[name], quality=quality)
        theirs = np.array(Image.open(file)).astype(np.float32) / 255
        np.testing.assert_allclose(result[quality].permute(1, 2, 0), theirs, atol=1e-6)
    assert (result[20] - image).abs().mean() > 1.5 * (result[80] - image).abs().mean()


def test_jpeg_is_the_same_as_that_of_the_device(face):
    image = face / 255
    assert torch.equal(Codec({"jpeg": 1})([image], [{"format": "jpeg", "quality": 75}], (1, 1))[0],
                       by_libjpeg(image, 75, "4:2:0"))  # fmt: skip


def test_channels_other_than_three_are_gray_images(face):
    four = face[[0, 1, 2, 0]] / 255
    both = Codec({"webp": 1})([four], [{"format": "webp", "quality": 50}], (1, 1))[0]
    assert both.shape == four.shape
    assert torch.equal(both[0], both[3])
    assert 0 < (both - four).abs().mean() < 0.05


def test_what_no_encoder_writes_is_refused(monkeypatch):
    with pytest.raises(UserError, match=r"formats=.*gif.*; give probabilities of webp, avif, heic, jpeg"):
        Codec({"gif": 1})
    monkeypatch.setattr("PIL.features.check", lambda name: name != "avif")
    with pytest.raises(UserError, match=r"this Pillow writes no avif; pip install -U pillow"):
        Codec({"avif": 1})
