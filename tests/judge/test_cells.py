import json

import numpy as np
import torch
from PIL import Image

from sr.judge import cells
from sr.judge.panel import panel


def rows_of(*sides: int) -> list[list[torch.Tensor]]:
    random = torch.Generator().manual_seed(0)
    return [[torch.randint(0, 256, (3, side, side), generator=random) / 255 for _ in range(5)] for side in sides]


def pixels(image: torch.Tensor) -> np.ndarray:
    return (image * 255).round().byte().permute(1, 2, 0).numpy()


def test_what_is_cut_out_is_what_was_put_in(tmp_path):
    rows = rows_of(32, 24)
    cells.save(panel(rows, ["best", "last"]), tmp_path / "new" / "panel.png")
    cut = cells.cut(tmp_path / "new" / "panel.png", [])
    assert [list(row) for row in cut] == [["LR", "bicubic", "best", "last", "HR"]] * 2
    for row, images in zip(cut, rows, strict=True):
        for cell, image in zip(row.values(), images, strict=True):
            assert np.array_equal(np.asarray(cell), pixels(image))


def test_panels_that_do_not_tell_are_cut_where_the_grid_is_even(tmp_path):
    rows = rows_of(32, 32)
    panel(rows, ["best", "last"]).save(tmp_path / "old.png")
    assert not Image.open(tmp_path / "old.png").info.get("cells")
    cut = cells.cut(tmp_path / "old.png", ["best", "last"])
    assert np.array_equal(np.asarray(cut[1]["last"]), pixels(rows[1][3]))
    assert cells.cut(tmp_path / "old.png", ["one", "two", "three"]) == []  # five columns are not six
    panel(rows_of(32, 24), ["best", "last"]).save(tmp_path / "uneven.png")
    assert cells.cut(tmp_path / "uneven.png", ["best", "last"]) == []


def test_the_place_of_each_row_is_told():
    assert json.loads(panel(rows_of(32, 24), ["a", "b"]).info["cells"])["rows"] == [[18, 32, 32], [54, 24, 24]]
