"""Figures for papers: the same box out of every model's image, and fidelity against perception."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from sr.atomic import replacing
from sr.image.view import visible

from .score import Box
from .table import Column

NAMED = 6  # so many points have their names beside them; more have numbers, and the names stand apart
AXES = ("distortion", "perception")  # x and y of the plane


@dataclass
class Example:
    """One image of the figure.

    Args:
        title: below the whole image.
        hr: C H W in [0, 1].
        box: left, top, width, height in pixels of hr.
        crops: (name, C h w in [0, 1], line below it) for each model.
    """

    title: str
    hr: Tensor
    box: Box
    crops: list[tuple[str, Tensor, str]]


def close_ups(examples: Sequence[Example], path: Path, columns: int = 4) -> None:
    """The papers' figure: the whole image with a box, and the box magnified for every model.

    Args:
        examples: one below the other.
        path: of the PNG.
        columns: at most so many crops beside each other.
    """
    plt = pyplot()
    rows_each = [-(-len(example.crops) // columns) for example in examples]
    heights = [max(2.35 * rows, 2.6) for rows in rows_each]  # inches
    width = 3.4 + 1.9 * min(columns, max(len(example.crops) for example in examples))
    figure = plt.figure(figsize=(width, sum(heights)), layout="constrained")
    strips = figure.subfigures(len(examples), 1, height_ratios=heights, squeeze=False)
    for example, rows, strip in zip(examples, rows_each, strips[:, 0], strict=True):
        wide = min(columns, len(example.crops))
        grid = strip.add_gridspec(rows, wide + 1, width_ratios=[1.8, *[1] * wide])
        whole = strip.add_subplot(grid[:, 0])
        left, top, *size = example.box
        _show(whole, example.hr, example.title)
        corner = (left - 0.5, top - 0.5)  # of the pixel, whose middle is at whole numbers
        whole.add_patch(plt.Rectangle(corner, *size, fill=False, edgecolor="red", linewidth=1.5))
        for i, (name, crop, line) in enumerate(example.crops):
            _show(strip.add_subplot(grid[i // wide, 1 + i % wide]), crop, f"{name}\n{line}")
    save(figure, path)


def drawn_on(columns: Mapping[str, Column], axis: str) -> str | None:
    """Of the metrics of an axis of the perception-distortion plane, the one that papers print first; none trained
    on.
    """
    names = [name for name, column in columns.items() if column.axis == axis and not column.trained_on]
    return min(names, key=lambda name: columns[name].axis_rank, default=None)


def scatter(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Column], x: str, y: str, path: Path) -> str:
    """The perception-distortion plane (Blau & Michaeli 2018), a plot for each set, with its Pareto front.

    Args:
        rows: of the table.
        columns: of its metrics.
        x, y: names of a fidelity and of a perceptual distance.
        path: of the PNG.

    Returns:
        Where the better ones are: "down and right", say.
    """
    right, up = (columns[name].higher_is_better for name in (x, y))
    plt = pyplot()
    rows = [row for row in rows if row.get(x) is not None and row.get(y) is not None]
    names = list(dict.fromkeys(row["set"] for row in rows))
    models = list(dict.fromkeys(row["model"] for row in rows))
    width = 4 * len(names) + 2 * (len(models) > NAMED)  # inches
    figure, axes = plt.subplots(1, len(names), figsize=(width, 3.6), layout="constrained", squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        drawn = [row for row in rows if row["set"] == name]
        front = sorted(
            (row[x], row[y]) for row in drawn if not any(_beats(other, row, columns, x, y) for other in drawn)
        )
        axis.plot(*zip(*front, strict=True), color="C7", linestyle="--", linewidth=1)
        for row in drawn:
            number = models.index(row["model"])
            text, label = (str(number), f"{number}  {row['model']}") if len(models) > NAMED else (row["model"], None)
            axis.scatter(row[x], row[y], color=f"C{number % 10}", s=36, zorder=3, label=label)
            axis.annotate(text, (row[x], row[y]), xytext=(5, 5), textcoords="offset points", fontsize=8)
        axis.margins(0.25)
        axis.grid(alpha=0.3)
        axis.set(
            title=f"{name} x{rows[0]['scale']}" if "scale" in rows[0] else name,
            xlabel=towards(columns[x].title, right),
            ylabel=towards(columns[y].title, up),
        )
    if len(models) > NAMED:
        handles = {
            label: handle for axis in axes[0] for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
        }
        figure.legend(handles.values(), handles, loc="outside right upper", fontsize=8)
    save(figure, path)
    return f"{'up' if up else 'down'} and {'right' if right else 'left'}"


def _beats(a: Mapping[str, Any], b: Mapping[str, Any], columns: Mapping[str, Column], *names: str) -> bool:
    """Whether `a` is as good as `b` in all of these metrics, and better in one."""
    gains = [(a[name] - b[name]) * (1 if columns[name].higher_is_better else -1) for name in names]
    return min(gains) >= 0 and max(gains) > 0


def towards(title: str, higher_is_better: bool) -> str:
    """Name of an axis with an arrow to the better scores."""
    return f"{title} →" if higher_is_better else f"← {title}"


def _show(axis: Any, image: Tensor, text: str) -> None:
    pixels = visible(image).expand(3, -1, -1).clamp(0, 1).permute(1, 2, 0).cpu()
    axis.imshow(pixels.numpy(), interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_xlabel(text, fontsize=8)


def pyplot() -> Any:
    """Matplotlib without a window, imported by those who draw."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def save(figure: Any, path: Path) -> None:
    """Write a figure, whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=200)
    pyplot().close(figure)
