import pytest
import torch
import torch.nn.functional as F

from sr.weights.windows import of_any_size


def enlarged(lr):
    return F.interpolate(lr, scale_factor=2, mode="nearest")


@pytest.mark.parametrize("size", [(16, 24), (16, 25), (7, 50), (40, 3), (43, 59)], ids=str)
def test_windows_of_what_sees_one_pixel_make_the_whole(size):
    sizes = []

    def run(lr):
        sizes.append(tuple(lr.shape))
        return enlarged(lr)

    lr = torch.rand(2, 3, *size)
    made = of_any_size(run, 16, 24, 2)(lr)
    torch.testing.assert_close(made, enlarged(lr))
    assert set(sizes) == {(2, 3, 16, 24)}


def test_what_a_window_does_not_see_hardly_shows(hr):
    """A mean over 7 pixels, which windows of 32 cut off at their edges; overlaps are of 8."""

    def run(lr):
        return F.avg_pool2d(lr, 7, 1, 3)

    made, whole = of_any_size(run, 32, 32, 1)(hr), run(hr)
    assert (run(hr[..., :32, :32]) - whole[..., :32, :32]).abs().max() > 0.3  # at the edges of one window
    assert (made - whole).abs().max() < 0.05
