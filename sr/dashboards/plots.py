"""The curves of several runs, drawn over each other by Bokeh."""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np

from .runs import Curve, Run
from .sections import BICUBIC, sections

# Okabe and Ito's colours, which the colour-blind can tell apart, without the yellow that white swallows
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7f3c8d", "#444444")
POINTS = 120_000  # on the whole page
WIDE = 30  # a curve over more than this ratio is drawn on a logarithmic axis


def colours(runs: Sequence[Run]) -> list[str]:
    """One a run, in turns."""
    return [colour for _, colour in zip(runs, cycle(COLOURS), strict=False)]


def plots(runs: Sequence[Run]) -> dict[str, dict[str, Any]]:
    """Section -> name of the curve -> its plot.

    The steps of all plots are zoomed together. A run's lines are called `run-0`, `run-1` ..., by which the page finds
    them; bicubic's is grey and dashed.
    """
    from bokeh.models import DataRange1d

    names = [name for run in runs for name in run.curves]
    per_curve = max(50, POINTS // max(len(names), 1))
    steps = DataRange1d(range_padding=0.02, only_visible=False)
    return {
        title: {name: _plot(name, runs, steps, per_curve) for name in members}
        for title, members in sections(names).items()
    }


def _plot(name: str, runs: Sequence[Run], steps: Any, points: int) -> Any:
    from bokeh.models import DataRange1d, HoverTool
    from bokeh.plotting import figure

    shown = {i: run.curves[name] for i, run in enumerate(runs) if name in run.curves}
    values = [value for _, values in shown.values() for value in values]
    logarithmic = min(values) > 0 and max(values) > WIDE * min(values)
    plot = figure(
        height=240, sizing_mode="stretch_width", title=name, x_range=steps,
        y_range=DataRange1d(only_visible=True), y_axis_type="log" if logarithmic else "linear",
        tools="box_zoom,pan,wheel_zoom,reset,save", active_drag="box_zoom", active_scroll=None,
        toolbar_location="above", output_backend="canvas", name=name,
    )  # fmt: skip
    plot.toolbar.logo = None
    plot.xaxis.axis_label = "step"
    plot.xaxis.formatter.use_scientific = False  # type: ignore[attr-defined]
    plot.add_tools(HoverTool(tooltips=[("", "$name"), ("step", "@x"), (name, "@y{0.[0000]}")], mode="vline",
                             visible=False, line_policy="nearest"))  # fmt: skip
    for i, colour in enumerate(colours(runs)):
        if i in shown:
            _line(plot, shown[i], points, name=f"run-{i}", color=colour, line_width=1.8)
    for curve in _bicubic(name, runs):
        _line(plot, curve, points, name="bicubic", color="#888888", line_dash="dashed", line_width=1.5)
    return plot


def _bicubic(name: str, runs: Sequence[Run]) -> list[Curve]:
    """Bicubic's scores; one line for all runs that validate on the same images."""
    curves = [run.curves[name + BICUBIC] for run in runs if name + BICUBIC in run.curves]
    longest: dict[float, Curve] = {}
    for steps, values in curves:
        level = float(f"{values[0]:.5g}")
        if level not in longest or steps[-1] > longest[level][0][-1]:
            longest[level] = steps, values
    return list(longest.values())


def _line(plot: Any, curve: Curve, points: int, **options: Any) -> None:
    steps, values = (np.asarray(side, dtype=np.float32) for side in thinned(curve, points))
    plot.line(steps, values, **options)
    if len(steps) < 40:
        plot.scatter(steps, values, size=4, color=options["color"], name=options["name"])


def thinned(curve: Curve, points: int) -> tuple[np.ndarray, np.ndarray]:
    """At most so many points: means of neighbours, each at the last of their steps."""
    steps, values = np.asarray(curve[0]), np.asarray(curve[1], dtype=np.float64)
    if len(steps) <= points:
        return steps, values
    ends = np.linspace(0, len(steps), points + 1).round().astype(int)
    return steps[ends[1:] - 1], np.add.reduceat(values, ends[:-1]) / np.diff(ends)
