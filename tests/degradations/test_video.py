import numpy as np
import pytest
import torch

from sr.degradations import Video, of_sample
from sr.degradations.video import moved, recorded
from sr.errors import UserError

pytest.importorskip("av")


@pytest.fixture(scope="module")
def image(face):
    return face[:, 20:101, 10:85] / 255  # of odd sizes


@pytest.mark.parametrize(("codec", "weak", "strong"), [("h264", 18, 38), ("h265", 20, 42), ("mpeg4", 2, 28)])
def test_stronger_compression_takes_more(image, codec, weak, strong):
    window = moved(image, 4, 1.2, -0.7)
    off = [(recorded(window, codec, level) / 255 - image).abs().mean() for level in (weak, strong)]
    assert off[0] < 0.02
    assert off[1] > 1.5 * off[0]
    assert off[1] < 0.15


def test_frames_move_to_their_place(image):
    window = moved(image, 4, 2, -1)
    assert window.shape == (4, *image.shape)
    levels = (255 * image).round().byte()
    assert torch.equal(window[3], levels)
    assert torch.equal(window[2][:, 1:, :-2], levels[:, :-1, 2:])
    assert torch.equal(moved(image, 2, 0, 0)[0], levels)


def test_the_same_twice_small_or_gray(image):
    operator = Video({"h264": 1, "h265": 1, "mpeg4": 1})
    for one in (image, image[:, :16, :16], image[:1, :40, :40]):
        for n in range(4):
            draw = operator.draw(of_sample(0, n))
            first, again = (operator([one], [draw], (1, 1))[0] for _ in range(2))
            assert first.shape == one.shape
            assert torch.equal(first, again)


def test_strengths_are_those_of_their_codec():
    operator = Video({"h264": 1, "h265": 1})
    draws = [operator.draw(of_sample(0, n)) for n in range(2000)]
    for codec, low, high in (("h264", 23, 38), ("h265", 28, 42)):
        assert {draw["strength"] for draw in draws if draw["codec"] == codec} == set(range(low, high + 1))
    speeds = [np.hypot(draw["motion_x"], draw["motion_y"]) for draw in draws]
    assert max(speeds) == pytest.approx(3, abs=0.1)
    with pytest.raises(UserError, match=r"crf_h264=\[23, 60\]; give \[low, high\] within 0 and 51"):
        Video({"h264": 1}, crf_h264=(23, 60))
