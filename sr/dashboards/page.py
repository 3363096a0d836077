"""One page that shows runs side by side and asks nobody for anything: it opens from the disk."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from sr.errors import optional

from .pictures import Album, album
from .plots import colours, plots
from .runs import Run, differences
from .tables import differing, health, scores, standing

TEMPLATE = Path(__file__).with_name("page.html")
RELOAD = """
setInterval(async () => {  // a new page where there is something new
  const answer = await fetch("state").catch(() => null);
  if (answer?.ok && await answer.text() !== STATE) location.reload();
}, 5000);
"""


def page(runs: Sequence[Run], title: str, state: str | None = None) -> str:
    """The HTML.

    Args:
        runs: in the order of their colours.
        title: of the page.
        state: what the address `state` answers while nothing new has been written, for a page that is served.
    """
    optional("bokeh", "the curves of a report need Bokeh", "report")
    from bokeh.embed import components
    from bokeh.resources import Resources

    drawn, pictures = plots(runs), album(runs)
    every = {name: plot for members in drawn.values() for name, plot in members.items()}
    script, divs = components(every) if every else ("", {})
    body = [
        _section("Where they stand", standing(runs)),
        *(_section(section, _grid(divs[name] for name in members)) for section, members in drawn.items()),
        _section("Before and after", _slides(pictures, runs)),
        _section("Scores", scores(runs)),
        _section("What differs in their configurations", differing(runs, differences(runs))),
        _section("Health", health(runs)),
    ]
    finished = sum(run.finished for run in runs)
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(title),
        subtitle=f"{len(runs)} run{'s' * (len(runs) != 1)}, {finished} finished; {datetime.now():%Y-%m-%d %H:%M}. "
        "Drag over a plot to zoom all steps together; the arrow above it goes back. Grey, dashed: bicubic.",
        script=Resources("inline", components=["bokeh"]).render_js() + script
        if every
        else "<script>const Bokeh = {documents: []}</script>",
        legend="".join(
            _button(i, run, colour) for i, (run, colour) in enumerate(zip(runs, colours(runs), strict=True))
        ),
        body="\n".join(body),
        album=json.dumps({"titles": pictures.titles, "rows": pictures.rows, "images": pictures.images}).replace(
            "</", "<\\/"
        ),
        watch=f"const STATE = {json.dumps(state)};{RELOAD}" if state is not None else "",
    )


def _section(title: str, content: str) -> str:
    return f"<h2>{escape(title)}</h2>\n{content}" if content else ""


def _button(i: int, run: Run, colour: str) -> str:
    return f'<button id="run-{i}" aria-pressed="true" style="--colour: {colour}">{escape(run.label)}</button>'


def _grid(divs: Iterable[Any]) -> str:
    return '<div class="plots">' + "".join(f"<div>{div}</div>" for div in divs) + "</div>"


def _slides(pictures: Album, runs: Sequence[Run]) -> str:
    """Two menus and a slider for each validation image."""
    if not pictures.rows:
        return ""
    made = [title for title in pictures.titles if title.split(": ")[-1] == "best"] or pictures.titles[-1:]
    slide = (
        '<figure class="slide"><img alt="before"><img alt="after">'
        '<input type="range" min="0" max="100" step="0.1" value="50" aria-label="left: before, right: after"></figure>'
    )
    return (
        '<div class="choose"><label>left <select id="left" data-first="bicubic"></select></label>'
        f'<label>right <select id="right" data-first="{escape(made[0])}"></select></label></div>'
        f'<div id="pictures">{slide * len(pictures.rows)}</div>'
    )
