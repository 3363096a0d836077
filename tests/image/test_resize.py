import numpy as np
import pytest
import torch
from PIL import Image

from sr.data.sets import open_set
from sr.image.resize import _on, imresize, imresize_uint8, resize_axis, resize_to, support


@pytest.mark.parametrize("scale", [2, 4])
def test_shrunk_hr_equals_the_files_that_matlab_made_in_every_pixel(benchmarks, scale):
    for item in open_set("Set5", benchmarks, scale, channels=None):
        assert torch.equal(imresize_uint8(item["hr"], 1 / scale), item["lr"]), item["name"]


def test_floating_point_is_within_one_level_where_nothing_overshoots(benchmarks):
    for item in open_set("Set5", benchmarks, 4, channels=None):
        pale = item["hr"] // 2 + 64
        difference = imresize(pale.float(), 1 / 4).round() - imresize_uint8(pale, 1 / 4).float()
        assert difference.abs().max() <= 1, item["name"]


def test_floating_point_equals_most_of_the_files(benchmarks):
    equal = [
        (imresize(item["hr"].float(), 1 / 4).clamp(0, 255).round() == item["lr"].float()).float().mean()
        for item in open_set("Set5", benchmarks, 4, channels=None)
    ]
    assert sum(equal) / len(equal) > 0.85


def test_shrinking_agrees_with_pillow_away_from_the_border(face):
    """Pillow's bicubic is the same antialiased kernel (a = -0.5), in fixed point."""
    reference = np.asarray(Image.fromarray(face.permute(1, 2, 0).numpy()).resize((32, 32), Image.Resampling.BICUBIC))
    lr = imresize_uint8(face, 1 / 4).permute(1, 2, 0).numpy()
    assert np.abs(lr.astype(int) - reference)[2:-2, 2:-2].max() <= 1


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_shapes(scale):
    assert imresize(torch.rand(2, 13, 24, 48), 1 / scale).shape == (2, 13, 24 // scale, 48 // scale)
    assert imresize(torch.rand(5, 7), scale).shape == (5 * scale, 7 * scale)
    assert imresize(torch.rand(1, 25, 24), 1 / scale).shape == (1, -(-25 // scale), 24 // scale)


@pytest.mark.parametrize("scale", [1 / 2, 1 / 3, 1 / 4, 1 / 8, 2, 3, 4, 8])
def test_a_constant_image_stays_constant(scale):
    resized = imresize(torch.full((1, 24, 24), 0.3, dtype=torch.float64), scale)
    assert torch.allclose(resized, torch.full_like(resized, 0.3), atol=1e-12)


def test_size_one_leaves_the_image_alone(face):
    assert torch.equal(imresize_uint8(face, 1), face)


def test_uint16_has_all_its_levels(face):
    deep = 128 * face.to(torch.int32) + 16384  # of medium contrast, so that nothing overshoots
    lr = imresize_uint8(deep.to(torch.uint16), 1 / 4)
    assert lr.dtype == torch.uint16
    exact = imresize(deep.double(), 1 / 4)
    assert (lr.double() - exact).abs().max() <= 1.5  # one rounding of each pass
    assert len(lr.int().unique()) > 256


def test_overshoot_is_clipped_in_integers_alone():
    edge = torch.tensor([0, 0, 0, 0, 255, 255, 255, 255], dtype=torch.uint8).expand(8, 8)
    assert imresize(edge.float(), 2).max() > 255
    assert imresize_uint8(edge, 2).max() == 255
    assert imresize_uint8(edge, 2).min() == 0


def test_autocast_changes_nothing(hr):
    expected = imresize(hr, 1 / 4)
    with torch.autocast("cpu", torch.bfloat16):
        lr = imresize(hr, 1 / 4)
    assert lr.dtype == torch.float32
    assert torch.equal(lr, expected)


def test_gradient_is_the_transposed_resize():
    image = torch.rand(6, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: imresize(x, 1 / 2), image)


def test_first_use_in_inference_mode_does_not_spoil_training():
    with torch.inference_mode():
        imresize(torch.rand(22, 22), 1 / 2)
    imresize(torch.rand(22, 22, requires_grad=True), 1 / 2).sum().backward()


# --- enlarging by a whole number: filters instead of matrices ---------------------------------------------------------


def by_matrices(image: torch.Tensor, scale: int) -> torch.Tensor:
    rows, columns = (_on(size, scale, image.device, image.dtype) for size in image.shape[-2:])
    return rows @ image @ columns.T


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 2), (3, 1), (2, 3), (3, 3), (5, 4), (13, 17), (31, 8)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-13)])
def test_filters_make_what_matrices_make(size, scale, dtype, tolerance):
    image = torch.rand(2, 3, *size, dtype=dtype)
    enlarged = imresize(image, scale)
    assert enlarged.dtype == dtype
    assert enlarged.shape == (2, 3, size[0] * scale, size[1] * scale)
    assert (enlarged - by_matrices(image, scale)).abs().max() <= tolerance


@pytest.mark.parametrize("shape", [(6, 5), (4, 6, 5), (2, 13, 6, 5), (2, 2, 3, 6, 5), (0, 3, 6, 5)])
def test_filters_take_images_of_any_number_of_axes(shape):
    image = torch.rand(shape)
    enlarged = imresize(image, 3)
    assert enlarged.shape == (*shape[:-2], 18, 15)
    assert torch.allclose(enlarged, by_matrices(image, 3), atol=1e-6)


def test_filters_take_images_that_are_not_contiguous():
    image = torch.rand(2, 9, 11, 3).permute(0, 3, 2, 1)[..., ::2, 1:]
    assert torch.allclose(imresize(image, 2), by_matrices(image, 2), atol=1e-6)


def test_the_gradient_of_enlarging_is_the_transposed_resize():
    image = torch.rand(2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: imresize(x, 3), image)
    weight = torch.rand(2, 12, 9, dtype=torch.float64)
    ours, dense = (torch.autograd.grad((f(image, 3) * weight).sum(), image)[0] for f in (imresize, by_matrices))
    assert torch.allclose(ours, dense, atol=1e-12)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("at", [(6, 7), (0, 0), (12, 1)])
def test_what_is_not_a_number_stays_where_it_is(scale, at):
    image = torch.rand(13, 15)
    image[at] = torch.nan
    touched = imresize(image, scale).isnan()
    expected = torch.zeros(13, 15, dtype=torch.bool)
    expected[max(at[0] - 2, 0) : at[0] + 3, max(at[1] - 2, 0) : at[1] + 3] = True  # five taps a pixel
    assert torch.equal(touched, expected.repeat_interleave(scale, 0).repeat_interleave(scale, 1))


def test_enlarging_under_autocast_changes_nothing(hr):
    expected = imresize(hr, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(imresize(hr, 2), expected)


def test_clipping_is_done_after_each_pass():
    edge = torch.tensor([0.0, 0, 0, 0, 1, 1, 1, 1]).outer(torch.tensor([0.0, 1, 0, 1, 0, 1]))
    rows, columns = (_on(size, 2, edge.device, edge.dtype) for size in edge.shape)
    clipped = imresize(edge, 2, clip=True)
    assert torch.equal(clipped, ((rows @ edge).clamp(0, 1) @ columns.T).clamp(0, 1))
    assert (clipped - imresize(edge, 2).clamp(0, 1)).abs().max() > 0.01


# --- to any size ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1 / 4, 1 / 3, 0.5, 2, 3])
def test_any_size_is_the_same_resize(hr, scale):
    image = hr[..., :120, :96].double()  # which all of these scales divide
    expected = imresize(image, scale)
    torch.testing.assert_close(resize_to(image, *expected.shape[-2:]), expected, atol=1e-12, rtol=0)


def test_any_size_against_pillow(hr):
    # Pillow's bicubic is the same kernel, also widened for shrinking; only the border differs.
    plane = hr[0, 0].numpy()
    pillow = np.asarray(Image.fromarray(plane).resize((81, 50), Image.Resampling.BICUBIC))
    made = resize_to(hr[:, :1], 50, 81)[0, 0].numpy()
    np.testing.assert_allclose(made[4:-4, 4:-4], pillow[4:-4, 4:-4], atol=2e-3)


def test_the_same_size_is_the_same_image(hr):
    assert resize_to(hr, 128, 128) is hr


# --- a part of an axis ------------------------------------------------------------------------------------------------

PARTS = [(17, 23), (17, 34), (101, 138), (64, 211), (131, 90), (97, 97), (5, 41)]


@pytest.mark.parametrize(("size", "out"), PARTS)
@pytest.mark.parametrize("dim", [-1, -2])
def test_a_part_is_that_part_of_the_whole(size, out, dim):
    image = torch.rand(2, size, size, dtype=torch.float64)
    whole = resize_axis(image, dim, out)
    for first, last in ((0, out), (0, 1), (out - 1, out), (out // 3, out // 2 + 1)):
        begin, end = support(size, out, first, last)
        part = image.narrow(dim, begin, end - begin)
        made = resize_axis(part, dim, out, first, last, size, begin)
        assert torch.equal(made, whole.narrow(dim, first, last - first))


@pytest.mark.parametrize(("size", "out"), PARTS)
def test_support_is_what_a_part_needs_and_little_more(size, out):
    for first, last in ((0, 1), (out - 1, out), (out // 3, out // 2 + 1)):
        begin, end = support(size, out, first, last)
        image = torch.eye(size, dtype=torch.float64)  # what each pixel gives to each new one
        needed = resize_axis(image, -1, out)[:, first:last].abs().amax(1).nonzero()
        assert begin <= int(needed.min())
        assert int(needed.max()) < end
        assert int(needed.min()) - begin <= 2  # taps of no weight
        assert end - int(needed.max()) <= 3
