import pytest

from sr.dashboards.runs import read
from sr.dashboards.workspace import panels

pytest.importorskip("wandb_workspaces")


def test_options_of_a_sweep_against_final_scores(make_run):
    made = panels(read([make_run("a", seed=0), make_run("b", seed=1)]))
    assert list(made) == ["Quality", "Losses and adversary", "Pictures", "Sweep"]
    plot, _ = made["Quality"]
    assert plot.y == ["val/psnr_y", "val/psnr_y_bicubic"]
    parallel, *importance, pareto, _ = made["Sweep"]
    names = [column.metric.name for column in parallel.columns]
    assert names == ["seed", "final/psnr_y", "final/st_lpips"]
    assert [panel.with_respect_to for panel in importance] == ["final/psnr_y", "final/st_lpips"]
    assert (pareto.x.name, pareto.y.name) == ("final/psnr_y", "final/st_lpips")


def test_while_no_run_has_ended_the_best_values_stand_for_the_final_ones(make_run):
    made = panels(read([make_run("a", finished=False)]))
    assert made["Sweep"][1].with_respect_to == "best/psnr_y"


def test_a_run_without_scores_has_no_sweep(make_run):
    folder = make_run("a", finished=False)
    (folder / "curves.csv").write_text("step,loss/generator\n1,0.5\n")
    assert list(panels(read([folder]))) == ["Losses and adversary", "Pictures"]
