from fractions import Fraction

import pytest

from sr.errors import UserError
from sr.inference.pixels import Options

pytest.importorskip("av")

from tests.formats.video.clips import UNEVEN, about, decoded, enlarged, make


@pytest.mark.parametrize(("scale", "size"), [(1.5, (48, 72)), (1.04, (33, 50)), (1.1, (35, 53))])
def test_sizes_that_are_odd(tmp_path, scale, size):
    source = make(tmp_path / "a.mp4")
    target, _ = enlarged(source, options=Options(scale=scale))
    assert about(target)["size"] == size
    assert about(target)["form"] == ("yuv444p" if size[0] % 2 or size[1] % 2 else "yuv420p")
    assert len(decoded(target)) == 12


def test_an_odd_clip(tmp_path):
    source = make(tmp_path / "a.mp4", size=(33, 47), form="yuv444p")
    target, _ = enlarged(source)
    assert about(target)["size"] == (66, 94)
    assert about(target)["form"] == "yuv444p"


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9"])
def test_pixels_that_are_not_square(tmp_path, codec):
    source = make(tmp_path / "a.mp4", codec, tags={"sample_aspect_ratio": Fraction(4, 3)})
    assert about(source)["ratio"] == Fraction(4, 3)
    for suffix in (".mp4", ".mkv"):
        assert about(enlarged(source, suffix)[0])["ratio"] == Fraction(4, 3)


def test_a_container_that_cannot_hold_it_is_refused_in_one_sentence(tmp_path):
    source = make(tmp_path / "a.mkv", form="yuv420p10le")
    with pytest.raises(UserError, match=r"a_x2\.mpg: no encoder at hand .* 10 bits.*; name an \.mkv with -o") as told:
        enlarged(source, ".mpg")
    assert "\n" not in str(told.value)
    uneven = make(tmp_path / "b.mkv", times=UNEVEN, base=Fraction(1, 1000))
    with pytest.raises(UserError, match=r"b_x2\.mpg: no encoder at hand"):  # MPEG-2 has a fixed pace
        enlarged(uneven, ".mpg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv", "b.mkv"]
