import pytest
import torch

from sr.data.sets import open_set
from sr.degradations import Bicubic
from sr.image.resize import imresize, imresize_uint8


def in_bytes(lr):
    return (255 * lr[0]).round().byte()


@pytest.mark.parametrize(("name", "scale"), [("Set5", 4), ("Set14", 4), ("Set5", 2)])
def test_equal_to_the_benchmark_files(benchmarks, name, scale):
    degradation = Bicubic(scale)
    for item in open_set(name, benchmarks, scale, channels=None):
        assert torch.equal(in_bytes(degradation(item["hr"][None] / 255)[0]), item["lr"]), item["name"]


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_equal_to_the_exact_bicubic(face, scale):
    hr = face[:, : 128 // scale * scale, : 128 // scale * scale]
    assert torch.equal(in_bytes(Bicubic(scale)(hr[None] / 255)[0]), imresize_uint8(hr, 1 / scale))


def test_what_has_more_than_8_bits_is_not_rounded(hr):
    deep = (hr * 65535 + 3).round().clamp(0, 65535) / 65535
    both = Bicubic(4)(torch.cat([hr, deep]))[0]
    torch.testing.assert_close(both[1:], imresize(deep, 1 / 4, clip=True), atol=1e-6, rtol=0)
    assert torch.equal(both[:1], Bicubic(4)(hr)[0])


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("channels", [1, 3, 4, 13])
def test_any_scale_and_number_of_channels(scale, channels):
    lr, _ = Bicubic(scale)(torch.rand(2, channels, 48, 24))
    assert lr.shape == (2, channels, 48 // scale, 24 // scale)


def test_lr_is_what_an_8_bit_file_could_hold(hr):
    levels = 255 * Bicubic(4)(hr)[0]
    assert torch.allclose(levels, levels.round(), atol=1e-4)
    assert not torch.allclose(255 * Bicubic(4, quantize=False)(hr)[0], levels, atol=0.1)


def test_overshoot_is_clipped():
    edge = torch.zeros(1, 1, 16, 16)
    edge[..., 8:] = 1
    assert imresize(edge, 1 / 2).max() > 1
    for quantize in (True, False):
        lr, _ = Bicubic(2, quantize)(edge)
        assert lr.min() == 0
        assert lr.max() == 1


def test_a_batch_is_its_images(hr, sr):
    both, target = Bicubic(4)(torch.cat([hr, sr]))
    assert torch.equal(both[1:], Bicubic(4)(sr)[0])
    assert torch.equal(target, torch.cat([hr, sr]))


def test_indivisible_hr_is_refused_with_the_size_that_would_do():
    with pytest.raises(ValueError, match=r"HR is 101x77, not divisible by scale 4; crop it to 100x76"):
        Bicubic(4)(torch.rand(1, 3, 77, 101))
