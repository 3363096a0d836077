"""The picture of the README shows what the bundled weights make."""

import sys

import numpy as np
from PIL import Image

from .test_imports import ROOT


def test_the_picture_is_current(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    script = __import__("picture")
    del sys.modules["picture"]
    script.main(tmp_path / "picture.jpg")
    made, there = (np.asarray(Image.open(path)).astype(int) for path in (tmp_path / "picture.jpg", script.TARGET))
    assert made.shape == there.shape
    assert abs(made - there).mean() < 0.5
    assert f"(docs/{script.TARGET.name})" in (ROOT / "README.md").read_text()
