import numpy as np
import pytest
import torch

from sr.judge.figures import Example, close_ups, drawn_on, scatter
from sr.judge.table import Column, columns_of
from sr.metrics import NIQE, PSNR, SSIM, STLPIPS
from tests import pictures as formats

BLUE, GREEN = (torch.tensor(colour).view(3, 1, 1) for colour in ([0.0, 0, 1], [0.0, 0.8, 0]))


# --- close-ups --------------------------------------------------------------------------------------------------------


def plain(colour: torch.Tensor, width: int, height: int) -> torch.Tensor:
    return colour.expand(-1, height, width)


def where(picture: np.ndarray, colour: list[int], tolerance: int = 40) -> np.ndarray:
    """Pixels that are about of this colour."""
    return (np.abs(picture[..., :3].astype(int) - colour) <= tolerance).all(-1)


def bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is true."""
    rows, columns = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def test_the_red_box_is_where_it_should_be(tmp_path):
    """Of a blue image 20 pixels wide and 16 high: its place and size, in fractions of the image."""
    crops = [("HR", plain(GREEN, 6, 4), "dB")]
    close_ups([Example("blue", plain(BLUE, 20, 16), (10, 3, 6, 4), crops)], tmp_path / "panel.png")
    picture = formats.read(tmp_path / "panel.png")
    red, blue = where(picture, [255, 0, 0]), where(picture, [0, 0, 255])
    left, top, right, bottom = bounds(red | blue)
    pixel = (right - left) / 20
    assert pixel > 10
    assert pixel == pytest.approx((bottom - top) / 16, rel=0.02)
    line = 1.5 * 200 / 72  # points to pixels; half of it is outside
    x0, y0, x1, y1 = bounds(red)
    found = np.array([x0 - left, y0 - top, x1 - x0, y1 - y0])
    expected = np.array([10, 3, 6, 4]) * pixel + np.array([-0.5, -0.5, 1, 1]) * line
    assert found == pytest.approx(expected, abs=0.2 * pixel)
    assert where(picture, [0, 204, 0]).sum() > red.sum()


def test_close_ups_of_several_images_and_rows_of_crops(tmp_path):
    """Five models in columns of three, gray, two and five bands: each is shown as what can be seen of it."""
    bands = torch.tensor([0, 0.8, 0, 1, 1]).view(5, 1, 1)
    crops = [(f"model {i}", plain(BLUE, 8, 8), "30.00 / 0.100") for i in range(3)]
    crops += [("five", plain(bands, 8, 8), ""), ("two", plain(bands[[3, 0]], 8, 8), "")]
    gray = plain(torch.tensor(0.5).view(1, 1, 1), 40, 30)
    examples = [Example("first", gray, (4, 4, 8, 8), crops), Example("second", gray, (0, 0, 8, 8), crops[:1])]
    close_ups(examples, tmp_path / "new" / "panel.png", columns=3)
    assert [path.name for path in tmp_path.rglob("*.png")] == ["panel.png"]
    assert len(list((tmp_path / "new").iterdir())) == 1
    picture = formats.read(tmp_path / "new" / "panel.png")
    height, width = picture.shape[:2]
    assert 800 < height < 2500
    assert 1200 < width < 2500
    one = where(picture, [0, 204, 0], 3).sum()  # crops of the same size cover the same area
    assert one > 10_000
    assert where(picture, [0, 0, 255], 3).sum() == pytest.approx(4 * one, rel=0.2)
    assert where(picture, [127, 127, 127], 3).sum() > 2 * one


def test_what_leaves_the_range_is_clipped_without_a_word(tmp_path, caplog):
    bright = plain(torch.tensor([-0.5, 1.5, -0.5]).view(3, 1, 1), 8, 8)
    close_ups([Example("bright", bright, (2, 2, 4, 4), [("HR", bright, "")])], tmp_path / "panel.png")
    assert where(formats.read(tmp_path / "panel.png"), [0, 255, 0], 3).sum() > 10_000
    assert not caplog.records


# --- the plane --------------------------------------------------------------------------------------------------------


def test_the_plane_has_a_plot_for_each_set_and_a_point_for_each_model(tmp_path):
    rows = [
        {"set": name, "model": model, "scale": 4, "psnr_y": psnr - i, "lpips": distance}
        for i, name in enumerate(["Set5", "Set14"])
        for model, psnr, distance in (("bicubic", 28.4, 0.34), ("mine", 31, 0.1), ("esrgan", 30.4, None))
    ]
    columns = {"psnr_y": Column("PSNR (dB)"), "lpips": Column("LPIPS", higher_is_better=False)}
    widths, points = [], []
    for count in (3, 6):
        better = scatter(rows[:count], columns, "psnr_y", "lpips", tmp_path / "plane.png")
        assert better == "down and right"
        picture = formats.read(tmp_path / "plane.png")
        widths.append(picture.shape[1])
        colours = ([31, 119, 180], [255, 127, 14], [44, 160, 44])  # C0, C1, C2
        points.append([where(picture, colour, 3).sum() for colour in colours])
    assert [path.name for path in tmp_path.iterdir()] == ["plane.png"]
    assert widths == [800, 1600]
    assert picture.shape[0] == 720
    one = points[0][0]
    assert one > 100
    # What has no LPIPS has no point.
    assert np.array(points) == pytest.approx(np.array([[one, one, 0], [2 * one, 2 * one, 0]]), rel=0.1)


def test_an_axis_is_that_of_the_metrics_whatever_their_names():
    columns = columns_of({"a": SSIM(), "b": NIQE(), "c": PSNR(), "d": STLPIPS(), "e": PSNR(y=False)})
    assert drawn_on(columns, "distortion") == "c"
    assert drawn_on(columns, "perception") == "d"
    assert drawn_on(columns_of({"a": SSIM()}), "perception") is None
    assert drawn_on(columns_of({"b": NIQE(), "d": STLPIPS()}, {"STLPIPS"}), "perception") == "b"
