"""Pictures of a sweep: what its jobs made, and how they went."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from sr.atomic import replacing

from ..figures import AXES, drawn_on, pyplot, save, scatter
from .scores import Scored, columns_of, named

HEADER_PX, GAP_PX, FONT_PX = 28, 12, 18
MOST = 24  # panels in the picture
WIDE = 1.6  # width of the picture to its height, about


def panels(jobs: Sequence[Scored], path: Path) -> bool:
    """Every finished job's samples/final.png, side by side under its options; whether there is any.

    Args:
        jobs: of a sweep.
        path: of the PNG.
    """
    shown = [(each, each.job.folder / "samples" / "final.png") for each in jobs if each.scores]
    images = [(f"job {each.job.number}  {named(each.job.options, '')}", Image.open(file).convert("RGB"))
              for each, file in shown[:MOST] if file.exists()]  # fmt: skip
    if not images:
        return False
    width, height = (max(image.size[axis] for _, image in images) + GAP_PX for axis in (0, 1))
    height += HEADER_PX
    columns = min(range(1, len(images) + 1), key=lambda n: abs(n * width / (-(-len(images) // n) * height) - WIDE))
    canvas = Image.new("RGB", (columns * width, -(-len(images) // columns) * height), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(FONT_PX)
    for i, (text, image) in enumerate(images):
        left, top = i % columns * width, i // columns * height
        while len(text) > 1 and draw.textlength(text, font) > width - GAP_PX:
            text = text[:-2] + "…"
        draw.text((left + 4, top + 4), text, "black", font)
        canvas.paste(image, (left, top + HEADER_PX))
    with replacing(path) as temporary:
        canvas.save(temporary)
    return True


def plane(jobs: Sequence[Scored], path: Path) -> bool:
    """Where the finished jobs stand between fidelity and perception; whether there are two with scores of both.

    Args:
        jobs: of a sweep.
        path: of the PNG.
    """
    scored = [each for each in jobs if each.scores]
    columns = {metric: column for (_, metric), column in columns_of(jobs).items()}
    x, y = (drawn_on(columns, axis) for axis in AXES)
    if len(scored) < 2 or x is None or y is None:
        return False
    rows = [{"model": named(each.job.options, ""), "set": images}
            | {metric: each.scores.get((images, metric)) for metric in (x, y)}
            for each in scored for images in dict.fromkeys(images for images, _ in each.scores)]  # fmt: skip
    scatter(rows, columns, x, y, path)
    return True


def curves(jobs: Sequence[Scored], path: Path) -> bool:
    """Validation scores and the generator's loss over steps, a line a job; jobs that repeat each other in one colour.

    Args:
        jobs: of a sweep, those included that did not finish.
        path: of the PNG.

    Returns:
        Whether there is anything to draw.
    """
    rows = {each.job: _rows(each.job.folder / "curves.csv") for each in jobs}
    names = [name for name in dict.fromkeys(name for of in rows.values() for row in of for name in row)
             if (name.startswith("val/") and not name.endswith("_bicubic")) or name == "loss/generator"]  # fmt: skip
    if not names:
        return False
    names.sort(key=lambda name: not name.startswith("val/"))
    plt = pyplot()
    across = min(len(names), 2)
    down = -(-len(names) // across)
    figure, axes = plt.subplots(down, across, figsize=(5.2 * across, 3.2 * down), layout="constrained", squeeze=False)
    colours = {point: f"C{i % 10}" for i, point in enumerate(dict.fromkeys(job.point for job in rows))}
    handles: dict[str, Any] = {}
    for name, axis in zip(names, axes.flat, strict=False):
        for job, of in rows.items():
            drawn = [(int(row["step"]), float(row[name])) for row in of if row.get(name)]
            mark = "o" if len(drawn) < 20 else ""
            (handle,) = axis.plot(*zip(*drawn, strict=True), color=colours[job.point], linewidth=1.2, marker=mark,
                                  markersize=3) if drawn else (None,)  # fmt: skip
            if handle:
                handles.setdefault(named(job.point, "all jobs"), handle)
        bicubic = [float(row[f"{name}_bicubic"]) for of in rows.values() for row in of if row.get(f"{name}_bicubic")]
        if bicubic:
            handles["bicubic"] = axis.axhline(bicubic[0], color="gray", linestyle="--", linewidth=1)
        axis.set(title=name, xlabel="step")
        axis.grid(alpha=0.3)
    for axis in list(axes.flat)[len(names) :]:
        axis.axis("off")
    beside = min(len(handles), max(1, 150 // max(map(len, handles)))) if handles else 1
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=beside, fontsize=8)
    save(figure, path)
    return True


def _rows(file: Path) -> list[dict[str, str]]:
    if not file.exists():
        return []
    with open(file, newline="") as opened:
        return list(csv.DictReader(opened))
