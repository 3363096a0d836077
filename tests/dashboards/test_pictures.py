import base64
import io

import numpy as np
from PIL import Image

from sr.dashboards.pictures import album
from sr.dashboards.runs import read
from sr.judge import cells


def image_of(address: str) -> np.ndarray:
    head, data = address.split(",")
    assert head == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def test_shared_pictures_once_and_each_runs_own(make_run):
    made = album(read([make_run("a", seed=0), make_run("b", seed=1)]))
    a, b = ("a (seed=0)", "b (seed=1)")
    own = [f"{run}: {what}" for run in (a, b) for what in ("step 20", "step 30", "best")]
    assert sorted(made.titles) == sorted(["LR", "bicubic", "HR", *own])
    assert set(made.titles[:3]) == {"LR", "bicubic", "HR"}
    (row,) = made.rows
    assert set(row) == set(made.titles)
    assert len(made.images) == 9
    cell = np.asarray(Image.open(read_folder(make_run, "a") / "samples" / "final.png").convert("RGB"))[18:34, 40:56]
    assert np.array_equal(image_of(made.images[row[f"{a}: best"]]), cell)  # to the bit


def read_folder(make_run, name):
    return make_run("elsewhere").parent / name


def test_pictures_that_differ_are_told_apart(make_run):
    folders = [make_run("a", seed=0), make_run("b", seed=1)]
    final = folders[1] / "samples" / "final.png"
    with Image.open(final) as opened:
        told, changed = opened.info["cells"], opened.convert("RGB").point(lambda value: value // 2)
    changed.info["cells"] = told
    cells.save(changed, final)
    titles = album(read(folders)).titles
    assert {"HR", "b (seed=1): HR"} <= set(titles)


def test_it_keeps_to_its_budget(make_run):
    runs = read([make_run("a")])
    whole = sum(map(len, album(runs).images.values()))
    less = album(runs, budget=whole - 1)
    assert 0 < sum(map(len, less.images.values())) < whole
    assert album(runs, budget=10).images == {}
    assert album(runs, budget=10).rows == []
