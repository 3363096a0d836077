"""The same sections on Weights & Biases, as code: a workspace to work in, and a report to show around."""

import json
from collections.abc import Sequence
from typing import Any

from sr.errors import optional

from .runs import Run, differences
from .sections import BICUBIC, sections

STEP = "trainer/global_step"  # the one step axis: updates of the generator
TOGETHER = ("logits/", "learning_rate/", "gradient_norm/")  # curves that share one plot
MOST = 8  # options beside each other in the parallel coordinates


def build(runs: Sequence[Run], project: str, entity: str) -> tuple[Any, Any]:
    """W&B's workspace and report, not yet sent. They name what these runs have logged, and nothing else.

    Args:
        runs: of the project, finished or not.
        project, entity: on the server; the entity is a user or a team.
    """
    optional("wandb_workspaces", "a workspace on W&B needs wandb-workspaces", "dashboard")
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws

    made = panels(runs)
    settings = ws.WorkspaceSettings(x_axis=STEP, max_runs=20, group_by_prefix="first")
    workspace = ws.Workspace(
        entity=entity, project=project, name="sr: super-resolution", settings=settings,
        sections=[ws.Section(name=title, panels=members, is_open=True) for title, members in made.items()],
    )  # fmt: skip
    blocks: list[Any] = [wr.TableOfContents()]
    for title, members in panels(runs).items():  # anew: a panel has one place
        grid = wr.PanelGrid(runsets=[wr.Runset(entity=entity, project=project, name="runs")], panels=members)
        blocks += [wr.H2(title), grid]
    report = wr.Report(
        project=project, entity=entity, title="Super-resolution: runs side by side", width="fluid", blocks=blocks,
        description="Scores beside bicubic's, the adversary, rates, pictures over steps, and what a sweep found.",
    )  # fmt: skip
    return workspace, report


def panels(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Section -> its panels."""
    import wandb_workspaces.reports.v2 as wr

    logged = dict.fromkeys(name for run in runs for name in run.curves)
    made: dict[str, list[Any]] = {}
    for title, names in sections(logged).items():
        plots: dict[str, list[str]] = {}
        for name in names:
            plots.setdefault(next((prefix for prefix in TOGETHER if name.startswith(prefix)), name), []).append(name)
            if name + BICUBIC in logged:
                plots[name].append(name + BICUBIC)
        made[title] = [wr.LinePlot(title=key.rstrip("/"), x=STEP, y=list(ys)) for key, ys in plots.items()]
    if any((run.folder / "samples").is_dir() for run in runs):
        made["Pictures"] = [wr.MediaBrowser(title="LR, bicubic, SR, HR: move the slider over steps",
                                            media_keys=["samples"], num_columns=1)]  # fmt: skip
    if sweep := _sweep(runs):
        made["Sweep"] = sweep
    return made


def _sweep(runs: Sequence[Run]) -> list[Any]:
    """Which options matter, and which runs no other one beats in both fidelity and perception."""
    import wandb_workspaces.reports.v2 as wr

    # What a finished run ends with is of one network; the best values of a run may be of several.
    kept = "final" if any(run.finished for run in runs) else "best"
    scores = {name: run.higher_is_better(name) for run in runs for name in run.curves
              if name.startswith("val/") and not name.endswith(BICUBIC)}  # fmt: skip
    higher = [name.removeprefix("val/") for name, better in scores.items() if better]
    lower = [name.removeprefix("val/") for name, better in scores.items() if better is False]
    judges = [f"{kept}/{name}" for name in (*higher[:1], *lower[:1])]
    options = [name for name, values in differences(runs).items()
               if all(isinstance(value, int | float | str) for value in values)] or ["seed"]  # fmt: skip
    column = wr.ParallelCoordinatesPlotColumn
    columns = [*(column(metric=wr.Config(option)) for option in options[:MOST]),
               *(column(metric=wr.SummaryMetric(judge)) for judge in judges)]  # fmt: skip
    made: list[Any] = [wr.ParallelCoordinatesPlot(title="options and scores", columns=columns)] if judges else []
    made += [wr.ParameterImportancePlot(with_respect_to=judge) for judge in judges]
    if len(judges) == 2 and higher and lower:
        x, y = (wr.SummaryMetric(judge) for judge in judges)
        made.append(wr.ScatterPlot(title="Pareto: better to the right and below", x=x, y=y))
    return [*made, wr.RunComparer(diff_only="split")] if made else []


def as_json(workspace: Any, report: Any) -> str:
    """What would be sent."""
    both = {"workspace": workspace, "report": report}
    plain = {name: json.loads(thing._to_model().model_dump_json(by_alias=True)) for name, thing in both.items()}
    return json.dumps(plain, indent=1)
