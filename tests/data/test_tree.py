import os
from pathlib import Path

import pytest

from sr.data.pack import build
from sr.data.tree import find
from sr.errors import UserError


@pytest.fixture
def names(tmp_path):
    """names() finds the images of the tree `t`."""
    return lambda: [path.relative_to(tmp_path / "t").as_posix() for path in find(tmp_path / "t")]


def test_links_are_followed_and_those_that_lead_back_or_nowhere_are_named(tmp_path, make, names, capsys):
    make(tmp_path / "elsewhere", "b.png sub/c.png")
    make(tmp_path / "t", "a.png")
    (tmp_path / "t" / "there").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "t" / "again").symlink_to(tmp_path / "elsewhere" / "sub")  # one folder under two names is two
    (tmp_path / "t" / "file.png").symlink_to(tmp_path / "elsewhere" / "b.png")
    assert names() == ["a.png", "again/c.png", "file.png", "there/b.png", "there/sub/c.png"]
    assert capsys.readouterr().err == ""
    (tmp_path / "elsewhere" / "sub" / "up").symlink_to(tmp_path / "t")
    (tmp_path / "t" / "lost.png").symlink_to(tmp_path / "nowhere.png")
    assert names() == ["a.png", "again/c.png", "file.png", "there/b.png", "there/sub/c.png"]
    said = capsys.readouterr().err
    assert f"links to nothing: {tmp_path}/t/lost.png" in said
    assert f"links that lead back are not followed: {tmp_path}/t/again/up, {tmp_path}/t/there/sub/up" in said


@pytest.mark.parametrize(
    "written", ["config.yaml curves.csv", "config.yaml checkpoints/last.ckpt", "metrics.json per_image.csv README.md"]
)
def test_what_the_project_has_written_is_not_trained_on(tmp_path, make, names, written, capsys):
    make(tmp_path / "t", "a.png outputs/srgan/time/samples/step_1.png outputs/mine.png")
    for name in written.split():
        path = tmp_path / "t" / "outputs" / "srgan" / "time" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert names() == ["a.png", "outputs/mine.png"]
    assert (
        f"left out what runs and evaluations have written: {tmp_path}/t/outputs/srgan/time" in capsys.readouterr().err
    )
    assert len(find(tmp_path / "t" / "outputs" / "srgan" / "time")) == 1  # unless it is what was named


def test_hidden_files_and_folders_are_left_out(make, tmp_path, names):
    make(tmp_path / "t", "a.png .b.png .trash/c.png x/.thumbnails/d.png")
    assert names() == ["a.png"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open all")
def test_a_folder_that_cannot_be_opened_is_named(tmp_path, make, names, capsys):
    make(tmp_path / "t", "a.png x/b.png")
    (tmp_path / "t" / "x").chmod(0)
    assert names() == ["a.png"]
    assert "cannot be opened (Permission denied)" in capsys.readouterr().err
    (tmp_path / "t" / "x").chmod(0o755)


def test_images_that_are_too_small_share_a_line(tmp_path, make, capsys, monkeypatch):
    make(tmp_path / "t", "0.png")
    make(tmp_path / "t", " ".join(f"{i}.png" for i in range(1, 9)), (15, 12))
    for i in (9, 10):
        (tmp_path / "t" / f"{i}.png").write_bytes(b"no image")

    def packed() -> str:
        assert len(build(find(tmp_path / "t"), tmp_path / "t", tmp_path / "cache", channels=3, minimum_px=16)) == 1
        return capsys.readouterr().err

    small, damaged = sorted(packed().splitlines(), key=lambda line: "decoded" in line)
    assert small.endswith("1.png: 12x15 is smaller than the 16 pixels needed; and 7 more for such a reason")
    assert damaged.startswith(f"skipped {tmp_path}/t/10.png: cannot be decoded")
    monkeypatch.setenv("LOCAL_RANK", "1")  # one process tells
    assert packed() == ""


def test_a_tree_without_images_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not a folder"):
        find(Path(tmp_path / "nowhere"))
