"""What the page does with a picture."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sr.errors import UserError
from sr.inference.preview import Preview
from tests import pictures as formats

CPU = torch.device("cpu")


def test_what_is_shown_is_as_large_as_the_result_and_what_is_sent_is_whole(photo, tmp_path):
    shown, told, target = Preview(CPU, 1, tmp_path)(str(photo), "fast_x2", "that of the model", False, False)
    before, after = (np.asarray(Image.open(path)).astype(int) for path in shown)
    assert before.shape == after.shape == (80, 120, 3)
    assert 0 < abs(before - after).mean() < 20
    assert told == "60x40 to 120x80 pixels by fast_x2"
    assert Path(target).name == "face_x2.jpg"
    with Image.open(target) as image:
        assert image.size == (120, 80)
        assert image.getexif()[0x010F] == "Camera & Sons"
        assert round(image.info["dpi"][0]) == 144


def test_16_bits_and_transparency_are_shown_and_kept(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 65536, (20, 30, 4), dtype=np.uint16)
    formats.write(tmp_path / "deep.png", pixels, formats.Meta(alpha=True))
    shown, _, target = Preview(CPU, 1, tmp_path)(str(tmp_path / "deep.png"), "fast_x2", "3", False, True)
    made, meta = formats.read_with_meta(target)
    assert made.shape == (60, 90, 4)
    assert made.dtype == np.uint16
    assert meta.alpha
    assert Path(target).name == "deep_x3.png"
    assert Image.open(shown[1]).size == (90, 60)


def test_a_large_result_is_shown_smaller(photo, tmp_path, monkeypatch):
    monkeypatch.setattr("sr.inference.preview.SHOWN_PX", 60)
    shown, _, target = Preview(CPU, 1, tmp_path)(str(photo), "fast_x2", "2", False, False)
    assert Image.open(shown[0]).size == Image.open(shown[1]).size == (60, 40)
    assert Image.open(target).size == (120, 80)


@pytest.mark.parametrize(
    ("file", "model", "scale", "why"),
    [
        (None, "fast_x2", "2", "no picture yet"),
        ("notes.txt", "fast_x2", "2", "notes.txt: the page takes pictures"),
        ("not.png", "fast_x2", "2", "not.png: cannot be decoded"),
        ("face.jpg", "fast_x2", "17", "a number up to 16 is needed"),
        ("face.jpg", "fast_x2", "nonsense", "a number up to 16 is needed"),
        ("face.jpg", "fast_x2", "8", "480x320 pixels would come out"),
        ("face.jpg", "nowhere.pth", "2", "nowhere.pth: no such file"),
    ],
)
def test_what_cannot_be_done_is_said(file, model, scale, why, photo, tmp_path):
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "not.png").write_text("text")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=re.escape(why)):
        Preview(CPU, 0.1, tmp_path)(file and str(tmp_path / file), model, scale, False, False)
    assert sorted(tmp_path.iterdir()) == before


def test_what_moves_or_lies_somewhere_is_left_to_the_command(photo, tmp_path):
    rasterio = pytest.importorskip("rasterio")
    frames = [Image.new("RGB", (20, 10), (50 * i, 0, 0)) for i in range(3)]
    frames[0].save(tmp_path / "moving.webp", save_all=True, append_images=frames[1:])
    place = {"crs": "EPSG:32617", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 4e6)}
    with rasterio.open(tmp_path / "scene.tif", "w", "GTiff", 20, 10, 3, dtype="uint8", **place) as scene:
        scene.write(np.ones((3, 10, 20), np.uint8))
    for name in ("moving.webp", "scene.tif"):
        with pytest.raises(UserError, match=f"{name}: the page takes single pictures"):
            Preview(CPU, 1, tmp_path)(str(tmp_path / name), "fast_x2", "2", False, False)


def test_what_is_too_large_is_not_even_decoded(tmp_path, monkeypatch):
    Image.new("L", (3000, 3000)).save(tmp_path / "large.png")
    monkeypatch.setattr("sr.formats.picture.Picture.frames", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(UserError, match="6000x6000 pixels would come out, 36 megapixels"):
        Preview(CPU, 30, tmp_path)(str(tmp_path / "large.png"), "fast_x2", "2", False, False)


def test_floats_are_as_bright_before_as_behind(tmp_path):
    pixels = np.linspace(-3, 7, 600, dtype=np.float32).reshape(20, 30, 1)
    formats.write(tmp_path / "float.tif", pixels)
    shown, _, _ = Preview(CPU, 1, tmp_path)(str(tmp_path / "float.tif"), "fast_x2", "2", False, False)
    before, after = (np.asarray(Image.open(path)).astype(int) for path in shown)
    assert np.abs(before - after).mean() < 2
    assert before[0, 0] <= 1
    assert before[-1, -1] >= 254


def test_labels_on_the_page(tmp_path):
    classes = np.kron(np.random.default_rng(0).integers(0, 4, (5, 6)), np.ones((4, 4), int)).astype(np.uint8)
    image = Image.fromarray(classes)
    image.putpalette([10, 20, 30, 40, 50, 60, 1, 2, 3, 200, 1, 1])
    image.save(tmp_path / "a.png")
    Image.fromarray(classes).save(tmp_path / "a.jpg")
    preview = Preview(CPU, 1, tmp_path)
    _, told, target = preview(str(tmp_path / "a.png"), "fast_x2", "2", False, False)
    assert "only 4 different numbers: if they are labels" in told
    shown, told, target = preview(str(tmp_path / "a.png"), "fast_x2", "2", True, True, True)
    assert told == "24x20 to 48x40 pixels by nearest; labels, by nearest: each value is one of the file's"
    with Image.open(target) as made:
        assert made.mode == "P"
        assert np.array_equal(made, classes.repeat(2, 0).repeat(2, 1))
    assert np.asarray(Image.open(shown[1])).max() == 255  # small numbers, but not black
    holes = np.where(classes == 0, np.nan, classes.astype(np.float32))
    formats.write(tmp_path / "a.tif", holes[..., None])
    shown, _, _ = preview(str(tmp_path / "a.tif"), "fast_x2", "2", False, False, True)
    assert set(np.unique(Image.open(shown[1]))) == {0, 128, 255}
    with pytest.raises(UserError, match=r"a\.jpg: \.jpg does not keep labels as they are; name a .png"):
        preview(str(tmp_path / "a.jpg"), "fast_x2", "2", False, False, True)
