"""Pictures of a sweep hold every job."""

import numpy as np
from PIL import Image

from sr.judge.sweeps.pictures import HEADER_PX, curves, panels, plane
from sr.judge.sweeps.scores import read


def test_every_finished_job_has_its_panel(add, tmp_path):
    for i in range(4):
        add(f"x={i}", 10 * i + 10)
    add("x=4", failed="no")
    assert panels(read(tmp_path), tmp_path / "panels.png")
    picture = Image.open(tmp_path / "panels.png")
    shades = {of[0] for _, of in picture.crop((0, HEADER_PX, *picture.size)).getcolors(1 << 20) if of[1:] == (0, 0)}
    assert shades >= {10, 20, 30, 40}


def test_long_options_are_cut(add, tmp_path):
    for i in range(2):
        add(f"{'x' * 300}={i}", 30)
    assert panels(read(tmp_path), tmp_path / "panels.png")


def test_fidelity_against_perception_takes_two_finished_jobs(add, tmp_path):
    add("x=1", 30, 0.2)
    add("x=2", failed="no")
    assert not plane(read(tmp_path), tmp_path / "plane.png")
    add("x=3", 31, 0.3)
    assert plane(read(tmp_path), tmp_path / "plane.png")
    picture = np.asarray(Image.open(tmp_path / "plane.png").convert("RGB")).astype(int)
    for colour in ([31, 119, 180], [255, 127, 14]):  # C0, C1
        assert (np.abs(picture - colour) <= 3).all(-1).sum() > 100


def test_many_jobs_are_numbered_and_named_beside_the_plane(add, tmp_path):
    widths = []
    for count in (6, 7):
        while len(list(tmp_path.glob("*/.hydra"))) < count:
            i = len(list(tmp_path.glob("*/.hydra")))
            add(f"x={i}", 30 + i, 0.2 + i / 10)
        assert plane(read(tmp_path), tmp_path / "plane.png")
        widths.append(Image.open(tmp_path / "plane.png").width)
    assert widths == [800, 1200]


def test_curves_of_finished_and_interrupted_jobs(add, tmp_path):
    assert not curves(read(tmp_path), tmp_path / "curves.png")
    add("x=1 seed=1", 30)
    add("x=1 seed=2", 31)
    (add("x=2 seed=1") / "curves.csv").write_text("step,loss/generator\n2,0.5\n")
    add("x=2 seed=2")
    assert curves(read(tmp_path), tmp_path / "curves.png")
    assert Image.open(tmp_path / "curves.png").size[0] > 500
