"""Against libjpeg, through Pillow."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from sr.degradations import JPEG, of_sample
from sr.degradations.jpeg import by_libjpeg, jpeg, tables


def pillow(image, quality, subsampling):
    pixels = (255 * image).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)


@pytest.fixture(scope="module")
def images(face):
    """Textured, smooth, noisy; of odd sizes too."""
    ramp = torch.linspace(0, 1, 150)[None, :] * torch.linspace(0.2, 1, 101)[:, None]
    smooth = torch.stack([ramp, ramp.flip(1), 0.5 + 0.5 * torch.sin(9 * ramp)])
    noisy = face[:, :77, :90] / 255 + 0.1 * torch.randn(3, 77, 90, generator=torch.Generator().manual_seed(0))
    return {"textured": face / 255, "smooth": smooth, "noisy": noisy.clamp(0, 1), "odd": face[:, 3:36, 5:70] / 255}


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
@pytest.mark.parametrize("quality", [1, 10, 30, 50, 75, 90, 95, 100])
def test_within_one_level_of_libjpeg(images, quality, subsampling):
    ours = jpeg(list(images.values()), [quality] * len(images), [subsampling] * len(images))
    for name, result in zip(images, ours, strict=True):
        theirs = pillow(images[name], quality, subsampling)
        off = ((255 * result).round() - theirs).abs()
        assert (off == 0).float().mean() >= 0.9999, name
        assert torch.equal(by_libjpeg(images[name], quality, subsampling), theirs / 255), name


def test_gray_images_too(face):
    gray = face[:1, :50, :61] / 255
    file = io.BytesIO()
    Image.fromarray(face[0, :50, :61].numpy()).save(file, "JPEG", quality=40)
    theirs = torch.from_numpy(np.array(Image.open(file)))
    assert ((255 * jpeg([gray], [40], ["4:2:0"])[0]).round() - theirs).abs().max() <= 1
    bands = torch.rand(5, 16, 24)
    both = jpeg([bands], [70], ["4:2:0"])[0]
    assert torch.equal(both[3:4], jpeg([bands[3:4]], [70], ["4:2:0"])[0])


@pytest.mark.parametrize("quality", range(1, 101))
def test_tables_are_libjpegs(quality):
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", quality=quality)
    theirs = Image.open(file).quantization
    assert tables(quality).tolist() == [theirs[0], theirs[1]]


def test_a_batch_is_its_images(images):
    batch, qualities, subs = list(images.values()), [30, 95, 60, 1], ["4:2:0", "4:4:4", "4:2:0", "4:4:4"]
    for result, *one in zip(jpeg(batch, qualities, subs), batch, qualities, subs, strict=True):
        torch.testing.assert_close(result, jpeg(*([part] for part in one))[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_gradients_are_those_of_finite_differences(face, subsampling):
    x = (face[:, 40:57, 50:63].double() / 255).clamp(0.2, 0.8).requires_grad_()
    weight = torch.rand(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def loss(image):
        return (weight * jpeg([image], [50], [subsampling], differentiable=True)[0]).sum()

    loss(x).backward()
    for c, row, column in [(0, 3, 4), (1, 8, 11), (2, 16, 12), (1, 0, 0)]:
        shift = torch.zeros_like(x)
        shift[c, row, column] = 1e-6
        slope = (loss(x.detach() + shift) - loss(x.detach() - shift)) / 2e-6
        assert x.grad[c, row, column].item() == pytest.approx(slope.item(), rel=1e-4, abs=1e-4)
    assert x.grad.abs().max() > 0.1


def test_differentiable_is_near_the_true_one(face):
    image = face / 255
    soft, hard = jpeg([image], [60], ["4:2:0"], True)[0], jpeg([image], [60], ["4:2:0"])[0]
    assert (soft - hard).abs().mean() < 0.3 * (hard - image).abs().mean()


def test_operator_draws_whole_qualities_with_both_ends():
    operator = JPEG((60, 62), {"4:2:0": 3, "4:4:4": 1})
    draws = [operator.draw(of_sample(0, n)) for n in range(400)]
    assert {draw["quality"] for draw in draws} == {60, 61, 62}
    assert 0.15 < np.mean([draw["subsampling"] == "4:4:4" for draw in draws]) < 0.35


def test_operator_is_the_same_by_libjpeg_and_by_ours(face):
    draws = [{"quality": 70, "subsampling": "4:2:0"}]
    fast, ours = (JPEG(differentiable=soft)([face / 255], draws, (1, 1))[0] for soft in (False, True))
    assert torch.equal(fast, by_libjpeg(face / 255, 70, "4:2:0"))
    assert 0 < (fast - ours).abs().mean() < 0.01
