import numpy as np
import pytest

from sr.formats import Unreadable
from tests.pictures import read, write


def test_bombs_are_refused_before_they_are_unpacked(tmp_path, monkeypatch, rgb):
    monkeypatch.setattr("sr.formats.picture.limits.LARGEST_PX", 1000)
    for suffix, pixels in ((".png", rgb), (".tif", rgb), (".png", rgb.astype(np.uint16) * 257)):
        write(tmp_path / f"a{suffix}", pixels)
        with pytest.raises(Unreadable, match="megapixels; more than"):
            read(tmp_path / f"a{suffix}")
