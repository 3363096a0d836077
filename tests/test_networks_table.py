"""docs/networks.md is what its script finds, of a sample that takes seconds."""

import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
SAMPLE = ("Compact", "ESRGAN", "DnCNN", "MoSR", "RCAN", "SPAN", "SwinIR", "UpCunet2x_fast")


@pytest.fixture
def script(monkeypatch):
    pytest.importorskip("spandrel")
    monkeypatch.syspath_prepend(str(DOCS))
    yield __import__("networks")
    del sys.modules["networks"]


def test_the_table_of_architectures_is_current(script):
    lines = (DOCS / "networks.md").read_text().splitlines()
    for name in SAMPLE:
        assert script.row(name) in lines


def test_the_table_has_all_of_spandrel(script):
    text = (DOCS / "networks.md").read_text()
    cells = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    assert text.startswith(script.HEAD.split("{")[0])
    assert {row[1] for row in cells} == set(script.known())
    assert not any("differs" in row[3] or "cannot load" in row[3] for row in cells)


def test_a_network_that_differs_would_be_told(script, monkeypatch):
    load = script.models.load

    def other(file):
        enlarge = load(file)
        run = enlarge.run
        enlarge.run = lambda lr: run(lr).clamp(0, 0.9) + 0.01
        return enlarge

    monkeypatch.setattr(script.models, "load", other)
    assert "**differs by " in script.row("Compact")
