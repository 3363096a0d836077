"""The panels of runs, cut into their cells: what the slider of the page shows before and after."""

import base64
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from sr.judge.cells import cut

from .runs import Run

BUDGET = 2_200_000  # bytes of all pictures together
TRIES = ((12, 100), (6, 100), (6, 90), (2, 90), (1, 80), (0, 60))  # pictures on the way of each run, quality of WebP
SHARED = ("LR", "bicubic", "HR")  # the same for all runs that validate on the same images


@dataclass
class Album:
    """What a page shows of the panels.

    Args:
        titles: of the sources: HR, bicubic, `run: best` ...
        rows: for each validation image: title -> key of an image.
        images: key -> `data:` address.
    """

    titles: list[str] = field(default_factory=list)
    rows: list[dict[str, str]] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)


def album(runs: Sequence[Run], budget: int = BUDGET) -> Album:
    """The pictures of all runs in at most `budget` bytes: fewer of them, then coarser ones, where there are many."""
    made = Album()
    for on_the_way, quality in TRIES:
        made = _album(runs, on_the_way, quality)
        if sum(map(len, made.images.values())) <= budget:
            return made
    return Album()


def _album(runs: Sequence[Run], on_the_way: int, quality: int) -> Album:
    made = Album()
    for run in runs:
        for file, models in _panels(run, on_the_way):
            for n, row in enumerate(cut(file, ["SR"] if models is None else models)):
                made.rows += [{} for _ in range(n + 1 - len(made.rows))]
                for title, image in row.items():
                    key = hashlib.sha1(image.tobytes()).hexdigest()[:12]
                    shown = f"step {int(file.stem[5:])}" if title == "SR" and models is None else title
                    made.rows[n][_title(made.rows[n], shown, key, run if len(runs) > 1 else None)] = key
                    if key not in made.images:
                        made.images[key] = _address(image, quality)
    titles = dict.fromkeys(title for row in made.rows for title in row)
    made.titles = sorted(titles, key=lambda title: SHARED.index(title) if title in SHARED else len(SHARED))
    return made


def _panels(run: Run, on_the_way: int) -> list[tuple[Path, list[str] | None]]:
    """Files of panels, and the names of the models in the last one; None for those on the way."""
    files = sorted((run.folder / "samples").glob("step_*.png"))
    if len(files) > on_the_way:
        files = [files[round((i + 1) * len(files) / on_the_way) - 1] for i in range(on_the_way)]
    final = run.folder / "samples" / "final.png"
    return [(file, None) for file in files] + ([(final, run.models)] if final.exists() else [])


def _title(row: dict[str, str], title: str, key: str, run: Run | None) -> str:
    """Shared pictures stand there once; all others, and what differs, under the name of their run."""
    if run is None or (title in SHARED and row.get(title, key) == key):
        return title
    return f"{run.label}: {title}"


def _address(image: Image.Image, quality: int) -> str:
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=quality == 100, quality=quality)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
