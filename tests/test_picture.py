"""The pictures of the README show what the bundled weights make."""

import sys

import numpy as np
from PIL import Image

from .test_imports import ROOT


def test_the_pictures_are_current(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    script = __import__("picture")
    del sys.modules["picture"]
    for path in script.main(tmp_path):
        made, there = (np.asarray(Image.open(file)).astype(int) for file in (path, script.HERE / path.name))
        assert made.shape == there.shape
        assert abs(made - there).mean() < 0.5
        assert f"(docs/{path.name})" in (ROOT / "README.md").read_text()
