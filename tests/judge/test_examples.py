import pytest
import torch

from sr.data.images import Images
from sr.data.tree import find
from sr.degradations import Bicubic
from sr.errors import UserError
from sr.image.resize import imresize
from sr.judge.examples import boxes_of, example, hardest_box
from sr.judge.results import Results
from sr.judge.score import row, score
from sr.judge.table import columns_of
from sr.metrics import NIQE, PSNR, SSIM, STLPIPS

# --- the hardest box --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lr():
    """3 15 20 in [0, 1]."""
    return torch.rand(3, 15, 20, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("top", "left"), [(8, 8), (20, 37), (40, 60), (13, 25)])
def test_a_planted_error_is_found(lr, top, left):
    hr = imresize(lr, 4)
    hr[2, top : top + 12, left : left + 10] -= 0.5
    assert hardest_box(lr, hr, width=10, height=12) == (left, top, 10, 12)


def test_many_small_errors_outweigh_a_large_one(lr):
    hr = imresize(lr, 4)
    hr[:, 30, 30] += 1
    hr[:, 12:20, 50:58] += 0.2
    assert hardest_box(lr, hr, width=8, height=8) == (50, 12, 8, 8)


def test_an_error_at_the_border_is_seen_from_within(lr):
    """Borders are hard for every enlarger and say little: the box stays 8 pixels off."""
    hr = imresize(lr, 4)
    hr[:, :9, :9] += 0.5
    assert hardest_box(lr, hr, width=16, height=16) == (8, 8, 16, 16)


@pytest.mark.parametrize("size", [4, 24, 47, 59, 60, 70, 80, 200])
def test_the_box_stays_inside(lr, size):
    hr = torch.rand(3, 60, 80, generator=torch.Generator().manual_seed(1))
    left, top, width, height = hardest_box(lr, hr, size, size)
    assert (width, height) == (min(size, 80), min(size, 60))
    assert 0 <= left <= 80 - width
    assert 0 <= top <= 60 - height


def test_of_an_image_as_large_as_the_box_it_is_all(lr):
    assert hardest_box(lr[:, :3, :4], torch.rand(3, 12, 16), 48, 48) == (0, 0, 16, 12)


# --- what the figure shows --------------------------------------------------------------------------------------------


@pytest.fixture
def images(tmp_path, make) -> Images:
    """Two of 48x40 and 32x64 pixels, and one that cannot be read."""
    for i, size in enumerate([(40, 48), (64, 32)]):
        make(tmp_path, f"{i}.png", size)
    (tmp_path / "2.png").write_bytes(b"no picture")
    return Images("three", find(tmp_path), None, 4)


def test_a_box_for_each_image_that_is_there_and_can_be_read(images):
    wanted = ["1", "2", "of another set"]
    assert boxes_of(images, wanted, None, 16, Bicubic(4), "cpu")["1"][2:] == (16, 16)
    assert boxes_of(images, wanted, [4, 8, 20, 10], 16, Bicubic(4), "cpu") == {"1": (4, 8, 20, 10)}


@pytest.mark.parametrize("box", [[0, 0, 33, 8], [0, 57, 8, 8], [-1, 0, 8, 8], [0, 0, 0, 8], [0, 0, 8]])
def test_a_box_beyond_its_image_is_refused(images, box):
    with pytest.raises(UserError, match="must lie in the 32x64 pixels of three/1"):
        boxes_of(images, ["1"], box, 16, Bicubic(4), "cpu")


@pytest.mark.parametrize(
    ("metrics", "titles", "digits"),
    [
        ({"a": SSIM(), "b": PSNR(y=False), "c": PSNR(), "d": STLPIPS(), "e": NIQE()}, "PSNR / ST-LPIPS", [2, 4]),
        ({"a": PSNR()}, "PSNR-Y", [2]),
        ({"a": SSIM()}, "", []),
    ],
)
def test_below_a_crop_stands_the_first_metric_of_each_axis_whatever_its_name(images, metrics, titles, digits):
    box = (4, 8, 20, 10)
    results = Results("", {}, columns_of(metrics), ["bicubic"])
    records = score(lambda lr: imresize(lr, 4), images, metrics, boxes={"1": box})
    results.add(row("bicubic", images, records, list(metrics), 0), records)
    found = example(results, images, "1", box, Bicubic(4), "cpu")
    (hr_name, hr, above), (name, crop, values) = found.crops
    assert (hr_name, name, above) == ("HR", "bicubic", titles)
    assert torch.equal(hr, images[1]["hr"][:, 8:18, 4:24] / 255)
    assert crop.shape == hr.shape
    assert [len(value.split(".")[1]) for value in values.split(" / ") if value] == digits
