"""A real run, offline: what it has sent to W&B, and whether the dashboard names that and nothing else."""

import json

import pytest

from sr.dashboard import main
from sr.judge.environment import checkout, diff

from .. import wandb_file


def named(panel: dict) -> set[str]:
    """All names of curves, scores, options and pictures in a panel."""
    config, kind = panel["config"], panel["viewType"]
    if kind == "Run History Line Plot":
        return {config["xAxis"], *config["metrics"]}
    if kind == "Media Browser":
        return set(config["mediaKeys"])
    if kind == "Parallel Coordinates Plot":
        return {column["accessor"] for column in config["columns"]}
    if kind == "Parameter Importance":
        return {config["targetKey"]}
    if kind == "Scatter Plot":
        return {config["xAxis"], config["yAxis"]}
    assert kind == "Run Comparer"
    return set()


def test_without_runs_or_a_login_it_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([]) == 1
    assert "outputs: no such folder" in capsys.readouterr().err
    monkeypatch.setattr("sr.training.loggers.has_login", lambda: False)
    (tmp_path / "outputs" / "run").mkdir(parents=True)
    (tmp_path / "outputs" / "run" / "curves.csv").write_text("step,loss/generator\n1,0.5\n")
    assert main(["--create"]) == 1
    assert "wandb login" in capsys.readouterr().err


@pytest.mark.slow
def test_everything_that_it_names_was_logged(train, tmp_path, capsys):
    pytest.importorskip("wandb_workspaces")
    train("logger=csv_wandb", "logger.wandb.group=a group", "callbacks.wandb.weights=true",
          "trainer.val_check_interval=4", "+metrics.lr_psnr._target_=sr.metrics.LRConsistency")  # fmt: skip
    (folder,) = (tmp_path / "outputs" / "srgan").iterdir()
    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    every = list(wandb_file.records(file))
    history, summary = wandb_file.history(file), wandb_file.summary(file)

    # One step axis for all; pictures on it, too; the group; the options; the commit and what has changed since.
    axes = {record.metric.glob_name: record.metric.step_metric for record in every if record.HasField("metric")}
    assert axes["*"] == "trainer/global_step"
    assert all("trainer/global_step" in wandb_file.values(record.history.item)
               for record in every if record.history.item)  # fmt: skip
    assert [shown["_type"] for shown in history["samples"]] == ["images/separated"] * len(history["val/psnr_y"])
    (started,) = [record.run for record in every if record.HasField("run")]
    assert started.run_group == "a group"
    options = {}
    for record in every:
        options |= wandb_file.values(record.config.update)
    assert options["steps"].items() >= {"pixel": 4, "ramp": 2, "adversarial": 4}.items()
    if checkout():
        assert started.git.commit.startswith(options["commit"].rstrip("+"))
        assert options["commit"].endswith("+") == (folder / "code.diff").exists() == bool(diff())
        sent = {file.path for record in every for file in record.files.files}
        assert ("code.diff" in sent) == bool(diff())

    # The best values, and those of the kept weights, which are there as an artifact with their card.
    steps, psnr = zip(*[(wandb_file.values(record.history.item)["trainer/global_step"], value) for record in every
                        if (value := wandb_file.values(record.history.item).get("val/psnr_y")) is not None],
                      strict=True)  # fmt: skip
    assert summary["best/psnr_y"] == pytest.approx(max(psnr))
    assert summary["best/psnr_y_step"] == steps[psnr.index(max(psnr))]
    rows = json.loads((folder / "metrics.json").read_text())
    assert summary["final/psnr_y"] == next(r["psnr_y"] for r in rows["rows"] if r["model"] == rows["model"])
    (artifact,) = [record.artifact for record in every if record.HasField("artifact")]
    files = {entry.path for entry in artifact.manifest.contents}
    assert {"README.md", "config.yaml", "metrics.json", "weights/srgan.safetensors"} <= files
    (alert,) = [record.alert for record in every if record.HasField("alert")]
    assert alert.title == "srgan: finished"

    capsys.readouterr()
    assert main([str(folder)]) == 0
    built = json.loads(capsys.readouterr().out)
    sections = {section["name"]: section["panels"]
                for section in built["workspace"]["spec"]["section"]["panelBankConfig"]["sections"]}  # fmt: skip
    assert list(sections) == ["Quality", "Losses and adversary", "Rates and speed", "Pictures", "Sweep"]
    grids = [block["metadata"]["panelBankSectionConfig"]["panels"] for block in built["report"]["spec"]["blocks"]
             if block["type"] == "panel-grid"]  # fmt: skip
    names = set().union(*(named(panel) for panels in sections.values() for panel in panels))
    assert names == set().union(*(named(panel) for panels in grids for panel in panels))
    logged = {*history, *(f"summary:{name}" for name in summary), *summary, "config:seed.value"}
    assert names <= logged, names - logged
    shown = {"val/lr_psnr_bicubic",
             "val/psnr_y", "val/psnr_y_bicubic", "loss/generator", "loss/discriminator", "logits/real",
             "accuracy", "gradient_norm/discriminator", "learning_rate/generator", "speed/images_per_second", "samples",
             "summary:final/psnr_y"}  # fmt: skip
    assert shown <= names
    left = {name for name in history if "/" in name} - {"trainer/global_step"}
    assert left <= names, "curves that the dashboard does not show"
