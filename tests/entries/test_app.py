"""The page: what it does with a picture, and the same in a real browser."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sr.app import Work, main
from sr.errors import UserError
from sr.weights import store as weights
from tests import pictures as formats

from .conftest import ROOT

CPU = torch.device("cpu")


@pytest.fixture
def photo(face, tmp_path):
    """A photograph with something to say of itself."""
    exif = Image.Exif()
    exif[0x010F] = "Camera & Sons"
    picture = Image.fromarray(face.permute(1, 2, 0).numpy()).resize((60, 40))
    picture.save(tmp_path / "face.jpg", exif=exif, dpi=(72, 72), quality=95)
    return tmp_path / "face.jpg"


def test_what_is_shown_is_as_large_as_the_result_and_what_is_sent_is_whole(photo, tmp_path):
    shown, told, target = Work(CPU, 1, tmp_path)(str(photo), "fast_x2", "that of the model", False, False)
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
    shown, _, target = Work(CPU, 1, tmp_path)(str(tmp_path / "deep.png"), "fast_x2", "3", False, True)
    made, meta = formats.read_with_meta(target)
    assert made.shape == (60, 90, 4)
    assert made.dtype == np.uint16
    assert meta.alpha
    assert Path(target).name == "deep_x3.png"
    assert Image.open(shown[1]).size == (90, 60)


def test_a_large_result_is_shown_smaller(photo, tmp_path, monkeypatch):
    monkeypatch.setattr("sr.app.SHOWN_PX", 60)
    shown, _, target = Work(CPU, 1, tmp_path)(str(photo), "fast_x2", "2", False, False)
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
        Work(CPU, 0.1, tmp_path)(file and str(tmp_path / file), model, scale, False, False)
    assert sorted(tmp_path.iterdir()) == before


def test_what_moves_or_lies_somewhere_is_left_to_the_command(photo, tmp_path):
    rasterio = pytest.importorskip("rasterio")
    frames = [Image.new("RGB", (20, 10), (50 * i, 0, 0)) for i in range(3)]
    frames[0].save(tmp_path / "moving.webp", save_all=True, append_images=frames[1:])
    place = {"crs": "EPSG:32617", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 4e6)}
    with rasterio.open(tmp_path / "scene.tif", "w", "GTiff", 20, 10, 3, dtype="uint8", **place) as scene:
        scene.write(np.ones((3, 10, 20), np.uint8))
    for name in ("moving.webp", "scene.tif"):
        with pytest.raises(UserError, match=f"{name}: moves, or lies somewhere on earth"):
            Work(CPU, 1, tmp_path)(str(tmp_path / name), "fast_x2", "2", False, False)


def test_what_is_too_large_is_not_even_decoded(tmp_path, monkeypatch):
    Image.new("L", (3000, 3000)).save(tmp_path / "large.png")
    monkeypatch.setattr("sr.formats.picture.Picture._decoded", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(UserError, match="6000x6000 pixels would come out, 36 megapixels"):
        Work(CPU, 30, tmp_path)(str(tmp_path / "large.png"), "fast_x2", "2", False, False)


def test_floats_are_as_bright_before_as_behind(tmp_path):
    pixels = np.linspace(-3, 7, 600, dtype=np.float32).reshape(20, 30, 1)
    formats.write(tmp_path / "float.tif", pixels)
    shown, _, _ = Work(CPU, 1, tmp_path)(str(tmp_path / "float.tif"), "fast_x2", "2", False, False)
    before, after = (np.asarray(Image.open(path)).astype(int) for path in shown)
    assert np.abs(before - after).mean() < 2
    assert before[0, 0] <= 1
    assert before[-1, -1] >= 254


def test_a_model_that_is_not_there_ends_the_command(capsys):
    assert main(["--model", "nowhere.pth"]) == 1
    assert capsys.readouterr().err.startswith("error: nowhere.pth: no such file")


def test_without_gradio_it_is_said_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main([]) == 1
    assert "pip install 'sr[app]'" in capsys.readouterr().err


@pytest.fixture
def address():
    """Of the page, served by the real command."""
    pytest.importorskip("gradio")
    command = [sys.executable, "-m", "sr.app", "--max-megapixels", "0.1", "--device", "cpu"]
    served = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    line = served.stdout.readline()
    yield re.match(r"(http://127\.0\.0\.1:\d+/) shows the page", line)[1]
    served.send_signal(signal.SIGINT)
    assert served.wait(30) == 0


@pytest.mark.slow
def test_in_a_browser(address, photo, tmp_path):
    sync = pytest.importorskip("playwright.sync_api")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium is installed")
    with sync.sync_playwright() as playwright:
        sandbox = [] if os.geteuid() else ["--no-sandbox"]
        browser = playwright.chromium.launch(executable_path=chromium, args=sandbox)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)

        page.click("#enlarge")
        page.get_by_text("no picture yet").wait_for()

        for _ in range(3):  # a script is quicker than the page, which draws itself anew after an error
            page.wait_for_timeout(1000)
            page.set_input_files("#picture input[type=file]", photo)
            try:
                page.get_by_text("face.jpg").first.wait_for(timeout=15_000)
                break
            except sync.TimeoutError:
                continue
        page.click("#enlarge")
        page.get_by_text("60x40 to 240x160 pixels by srgan_x4").wait_for(timeout=60_000)
        pictures = page.locator(".gradio-container img")
        page.wait_for_function(
            "[...document.images].filter(i => i.naturalWidth == 240 && i.naturalHeight == 160).length >= 2"
        )
        assert pictures.count() >= 2
        with page.expect_download() as download:
            page.click("#download")
        download.value.save_as(tmp_path / "got.jpg")
        assert download.value.suggested_filename == "face_x4.jpg"
        assert all(url.startswith((address, "blob:", "data:")) for url in asked)  # nothing from elsewhere
        browser.close()
    expected = Work(CPU, 1, tmp_path)(str(photo), str(weights.find("srgan_x4")), "4", False, False)[2]
    assert (tmp_path / "got.jpg").read_bytes() == Path(expected).read_bytes()
