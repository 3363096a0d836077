"""The page in a real browser, and what ends the command."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sr.app import main
from sr.inference.preview import Preview

from .conftest import ROOT


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
def test_in_a_browser(browser, address, photo, tmp_path):
    sync = pytest.importorskip("playwright.sync_api")
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
    page.get_by_text("60x40 to 240x160 pixels by fast_x4; auto takes fast_x4: under 96 pixels").wait_for(timeout=60_000)
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
    expected = Preview(torch.device("cpu"), 1, tmp_path)(str(photo), "fast_x4", "4", False, False)[2]
    assert (tmp_path / "got.jpg").read_bytes() == Path(expected).read_bytes()
