import numpy as np
import pytest
import torch
from PIL import Image

from sr.image.resize import imresize
from sr.judge.panel import GAP_PX, HEADER_PX, crops, panel


def cell_of(picture: Image.Image, row: int, column: int, side: int) -> np.ndarray:
    top, left = HEADER_PX + row * (side + GAP_PX), column * (side + GAP_PX)
    return np.asarray(picture)[top : top + side, left : left + side]


def as_pixels(image: torch.Tensor) -> np.ndarray:
    return (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


@pytest.fixture
def lr(hr):
    return imresize(hr, 1 / 4).clamp(0, 1)


def test_a_column_for_lr_bicubic_each_sr_and_hr(lr, sr, hr):
    picture = panel([crops(lr[0], [sr[0], 1 - sr[0]], hr[0], 64)] * 2, ["best", "last"])
    assert picture.size == (5 * (64 + GAP_PX), HEADER_PX + 2 * (64 + GAP_PX))
    middle = slice(32, 96)
    nearest = lr.repeat_interleave(4, -1).repeat_interleave(4, -2)
    for column, image in enumerate([nearest, imresize(lr, 4), sr, 1 - sr, hr]):
        for row in range(2):
            assert np.array_equal(cell_of(picture, row, column, 64), as_pixels(image[0, :, middle, middle])), column


def test_titles_are_written_above_every_column_and_nowhere_else(lr, sr, hr):
    picture = np.asarray(panel([crops(lr[0], [sr[0]], hr[0], 64)], ["SR"]))
    for column in range(4):
        above = picture[:HEADER_PX, column * (64 + GAP_PX) :][:, : 64 + GAP_PX]
        assert (above < 255).any()
        assert (picture[HEADER_PX:, column * (64 + GAP_PX) + 64 :][:, :GAP_PX] == 255).all()


def test_names_must_be_as_many_as_srs(lr, sr, hr):
    with pytest.raises(ValueError, match="argument 2"):
        panel([crops(lr[0], [sr[0]], hr[0], 64)], ["best", "last"])


@pytest.mark.parametrize(("channels", "shown"), [(1, [0, 0, 0]), (2, [0, 0, 0]), (4, [0, 1, 2]), (13, [0, 1, 2])])
def test_gray_and_many_bands_can_be_shown(channels, shown):
    torch.manual_seed(0)
    lr, sr, hr = torch.rand(channels, 8, 8), torch.rand(channels, 32, 32), torch.rand(channels, 32, 32)
    picture = panel([crops(lr, [sr], hr, 160)], ["SR"])
    assert np.array_equal(cell_of(picture, 0, 2, 32), as_pixels(sr[shown]))
    assert np.array_equal(cell_of(picture, 0, 3, 32), as_pixels(hr[shown]))


def test_images_of_several_sizes_make_rows_of_their_own_height(lr, sr, hr):
    low = crops(lr[0, :, :10], [sr[0, :, :40]], hr[0, :, :40], 64)
    assert {tuple(cell.shape) for cell in low} == {(3, 40, 40)}
    picture = panel([low, crops(lr[0], [sr[0]], hr[0], 64)], ["SR"])
    assert picture.size == (4 * (64 + GAP_PX), HEADER_PX + (40 + GAP_PX) + (64 + GAP_PX))


def test_cut_on_the_grid_of_lr_so_that_its_pixels_stay_whole(lr, sr, hr):
    nearest, *_ = crops(lr[0, :, :31, :31], [sr[0, :, :124, :124]], hr[0, :, :124, :124], 50)
    assert torch.equal(nearest[:, ::4, ::4].repeat_interleave(4, -1).repeat_interleave(4, -2)[:, :50, :50], nearest)
