import numpy as np
import pytest

from sr.dashboards.plots import plots, thinned
from sr.dashboards.runs import read


def test_thinned_curves_keep_their_mean_their_end_and_short_ones_everything():
    steps, values = list(range(50, 50_050, 50)), list(np.sin(np.arange(1000.0)))
    few_steps, few = thinned((steps, values), 100)
    assert len(few_steps) == len(few) == 100
    assert few_steps[-1] == steps[-1]
    assert few.mean() == pytest.approx(np.mean(values))
    assert few[3] == pytest.approx(np.mean(values[30:40]))
    assert few_steps[3] == steps[39]
    assert list(thinned((steps, values), 1000)[1]) == values


def test_a_line_for_each_run_and_one_of_bicubic(make_run):
    pytest.importorskip("bokeh")
    drawn = plots(read([make_run("a", seed=0), make_run("b", seed=1, psnr=30.0)]))
    psnr = drawn["Quality"]["val/psnr_y"]
    lines = {r.name: r for r in psnr.renderers if type(r.glyph).__name__ == "Line"}
    assert set(lines) == {"run-0", "run-1", "bicubic"}
    assert list(lines["run-1"].data_source.data["y"]) == [30.0, 29.0]
    assert list(lines["bicubic"].data_source.data["y"]) == [28.5, 28.5]
    colours = {line.glyph.line_color for line in lines.values()}
    assert len(colours) == 3
    every = [plot for members in drawn.values() for plot in members.values()]
    assert len({id(plot.x_range) for plot in every}) == 1  # zoomed together
    assert len({id(plot.y_range) for plot in every}) == len(every)


def test_what_spans_orders_of_magnitude_is_drawn_on_a_logarithmic_axis(make_run):
    pytest.importorskip("bokeh")
    folder = make_run("a")
    (folder / "curves.csv").write_text("step,loss/a,loss/b,loss/c\n1,1000,1000,2\n2,1,-1,1\n")
    drawn = plots(read([folder]))["Losses and adversary"]
    kinds = {name: type(plot.yaxis[0]).__name__ for name, plot in drawn.items()}
    assert kinds == {"loss/a": "LogAxis", "loss/b": "LinearAxis", "loss/c": "LinearAxis"}
