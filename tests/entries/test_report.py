"""The report in a real browser: it asks nobody for anything, draws, and its sliders move."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from sr.report import main

from ..dashboards.conftest import make_run

__all__ = ["make_run"]


@pytest.fixture
def report(make_run, tmp_path):
    pytest.importorskip("bokeh")
    runs = [str(make_run(f"sweep/{i}", seed=i, psnr=29.0 + i)) for i in range(2)]
    assert main([*runs, "-o", str(tmp_path / "out" / "report.html"), "--title", "a </script> title"]) == 0
    return tmp_path / "out" / "report.html"


def test_mistakes_are_told(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    assert "no run in there" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([])


def test_it_is_called_as_its_runs_are(make_run, tmp_path):
    pytest.importorskip("bokeh")
    runs = [str(make_run(f"{name}/12-30", seed=0, psnr=29.0)) for name in ("plain", "wavelet")]
    assert main([*runs, "-o", str(tmp_path / "report.html")]) == 0
    assert "<title>plain, wavelet</title>" in (tmp_path / "report.html").read_text()


def test_one_file_under_five_megabytes(report):
    assert report.stat().st_size < 5e6
    text = report.read_text()
    assert "a &lt;/script&gt; title" in text
    assert "default-src 'none'" in text  # the browser refuses whatever a library would load
    assert [path.name for path in report.parent.iterdir()] == ["report.html"]


@pytest.mark.slow
def test_in_a_browser(browser, report):
    page = browser.new_page(viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True)
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(report.as_uri())
    page.wait_for_function("window.Bokeh && Bokeh.documents.length && Bokeh.documents[0].is_idle")

    # Drawn: lines of both runs' colours are among the pixels of the first plot, until the run is hidden.
    plot = page.locator(".plots > div").first
    plot.scroll_into_view_if_needed()

    def coloured() -> list[bool]:
        pixels = np.asarray(Image.open(BytesIO(plot.screenshot())).convert("RGB")).astype(int)
        both = ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00))
        return [bool((abs(pixels - colour).max(-1) < 12).any()) for colour in both]

    page.wait_for_timeout(500)
    assert coloured() == [True, True]
    page.click("#run-1")
    page.wait_for_timeout(500)
    assert coloured() == [True, False]
    page.reload()
    assert page.locator("#run-1").get_attribute("aria-pressed") is not None
    page.wait_for_function("document.querySelector('#run-1').getAttribute('aria-pressed') == 'false'")

    # A finger scrolls the page: it does not draw a box over a plot.
    zooms = "Bokeh.documents[0].roots().flatMap(p => p.toolbar.tools).filter(t => t.type == 'BoxZoomTool')"
    assert page.evaluate(f"{zooms}.length > 2 && {zooms}.every(t => !t.active)")

    # The slider moves the edge between the two images.
    slide = page.locator(".slide").first
    slide.scroll_into_view_if_needed()
    edge = "getComputedStyle(document.querySelectorAll('.slide img')[1]).clipPath"
    box = slide.bounding_box()
    for share in (0.25, 0.75):
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
        page.mouse.click(box["x"] + box["width"] * share, box["y"] + 20)
        left = float(page.evaluate(edge).split()[-1].rstrip("%)"))
        assert abs(left - 100 * share) < 5
    before = page.locator(".slide img").nth(1).get_attribute("src")
    page.select_option("#right", "1 (seed=1): step 20")
    assert page.locator(".slide img").nth(1).get_attribute("src") != before
    sizes = page.evaluate("[...document.querySelectorAll('.slide img')].map(i => i.naturalWidth)")
    assert sizes == [16, 16]

    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert errors == []
    assert {url for url in asked if not url.startswith("data:")} == {report.as_uri()}
