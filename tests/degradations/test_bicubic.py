import pytest
import torch

from sr.data.images import open_set
from sr.degradations import Bicubic
from sr.resize import imresize, imresize_uint8


def test_within_one_level_of_the_benchmark_files(benchmarks):
    degradation = Bicubic(4)
    for item in open_set("Set14", benchmarks, 4, channels=None):
        lr = 255 * degradation(item["hr"][None] / 255)[0]
        assert (lr - item["lr"]).abs().max() <= 1.001, item["name"]


def test_within_one_level_of_the_exact_bicubic(face):
    lr = 255 * Bicubic(4)(face[None] / 255)[0]
    assert (lr - imresize_uint8(face, 1 / 4)).abs().max() <= 1.001


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("channels", [1, 3, 4, 13])
def test_any_scale_and_number_of_channels(scale, channels):
    lr = Bicubic(scale)(torch.rand(2, channels, 48, 24))
    assert lr.shape == (2, channels, 48 // scale, 24 // scale)


def test_lr_is_what_an_8_bit_file_could_hold(hr):
    levels = 255 * Bicubic(4)(hr)
    assert torch.allclose(levels, levels.round(), atol=1e-4)
    assert not torch.allclose(255 * Bicubic(4, quantize=False)(hr), levels, atol=0.1)


def test_overshoot_is_clipped():
    edge = torch.zeros(1, 1, 16, 16)
    edge[..., 8:] = 1
    assert imresize(edge, 1 / 2).max() > 1
    for quantize in (True, False):
        lr = Bicubic(2, quantize)(edge)
        assert lr.min() == 0
        assert lr.max() == 1


def test_a_batch_is_its_images(hr, sr):
    both = Bicubic(4)(torch.cat([hr, sr]))
    assert torch.equal(both[1:], Bicubic(4)(sr))


def test_indivisible_hr_is_refused_with_the_size_that_would_do():
    with pytest.raises(ValueError, match=r"HR is 101x77, not divisible by scale 4; crop it to 100x76"):
        Bicubic(4)(torch.rand(1, 3, 77, 101))
