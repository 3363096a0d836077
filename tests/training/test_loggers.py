import csv
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock
from urllib.parse import urlsplit

import pytest
import wandb as api

from sr.training import loggers
from sr.training.loggers import Curves, alert, has_login, wandb

from ..wandb_file import history


def rows(file: Path) -> list[dict[str, str]]:
    with open(file, newline="") as opened:
        return list(csv.DictReader(opened))


def column(file: Path, name: str) -> list[str]:
    return [row[name] for row in rows(file)]


# --- curves.csv -------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "run" / "curves.csv"


def test_a_row_for_each_entry_a_column_for_each_name(file):
    curves = Curves(str(file))
    curves.log_metrics({"loss": 0.5, "rate": 1e-4}, 10)
    curves.log_metrics({"loss": 0.25}, 20)
    curves.log_metrics({"val/psnr": 28.5}, 20)
    curves.log_metrics({"val/psnr": 29.0, "loss": 0.125}, 30)
    assert list(rows(file)[0]) == ["step", "loss", "rate", "val/psnr"]
    assert column(file, "step") == ["10", "20", "20", "30"]
    assert column(file, "loss") == ["0.5", "0.25", "", "0.125"]
    assert column(file, "rate") == ["0.0001", "", "", ""]
    assert column(file, "val/psnr") == ["", "", "28.5", "29.0"]


def test_it_is_readable_after_every_entry_and_nothing_else_is_left_beside_it(file):
    curves = Curves(str(file))
    for step in range(1, 8):
        curves.log_metrics({f"name {step % 4}": step, "with, comma": 'and "quotes"'}, step)
        assert column(file, "step") == [str(i) for i in range(1, step + 1)]
        assert all(None not in row and None not in row.values() for row in rows(file))
        assert [path.name for path in file.parent.iterdir()] == ["curves.csv"]
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_resumed_run_continues_behind_the_step_at_which_it_resumes(file):
    first = Curves(str(file))
    for step in (10, 20, 30, 40):
        first.log_metrics({"loss": step / 10}, step)
    resumed = Curves(str(file))
    resumed.log_metrics({"loss": 7.0}, 30)
    resumed.log_metrics({"loss": 8.0, "new": 1.0}, 40)
    assert column(file, "step") == ["10", "20", "30", "40"]
    assert column(file, "loss") == ["1.0", "2.0", "7.0", "8.0"]
    assert column(file, "new") == ["", "", "", "1.0"]


def test_a_run_resumed_at_its_end_or_its_start(file):
    for first_step, steps in ((10, ["10"]), (20, ["10", "20"]), (5, ["5"])):
        Curves(str(file)).log_metrics({"loss": 1.0}, first_step)
        assert column(file, "step") == steps


def test_a_run_may_resume_more_than_once_without_new_names(file):
    for start in (0, 20, 40):
        curves = Curves(str(file))
        for step in (start + 10, start + 20):
            curves.log_metrics({"loss": 1.0}, step)
    assert column(file, "step") == ["10", "20", "30", "40", "50", "60"]


def test_lightning_may_ask_its_usual_questions(file):
    curves = Curves(str(file))
    curves.log_hyperparams({"a": 1})
    assert curves.name == "curves"
    assert curves.version == ""
    curves.finalize("success")
    assert not file.exists()


# --- Weights & Biases -------------------------------------------------------------------------------------------------


@pytest.fixture
def no_account(monkeypatch, tmp_path):
    """As on a machine where nobody has ever logged in."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in [*(name for name in os.environ if name.startswith("WANDB_")), "WANDB_MODE", "WANDB_SERVICE",
                 "NETRC"]:  # fmt: skip
        monkeypatch.setenv(name, "")  # so that what is set while the test runs is undone behind it
        monkeypatch.delenv(name)
    yield
    api.teardown()  # the service of this process, which others would be told of


def run(code: str, folder: Path) -> str:
    """What a new process says, for W&B remembers much in its own; nobody is there to answer questions."""
    start = f"from pathlib import Path\nfrom sr.training.loggers import wandb\nfolder = Path({str(folder)!r})\n"
    done = subprocess.run([sys.executable, "-c", start + code], cwd=Path(__file__).parents[2], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=100, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_without_an_account_it_is_offline_without_a_question(no_account, tmp_path):
    code = """
logger = wandb(project="sr", folder=str(folder / "srgan" / "today"), name="a run")
logger.log_metrics({"loss": 0.5, "val/psnr": 28.5}, step=10)
logger.log_metrics({"loss": 0.25}, step=20)
logger.experiment.finish()
"""
    said = run(code, tmp_path)
    folder = tmp_path / "srgan" / "today" / "wandb"
    assert f"wandb sync {folder}/offline-run-*" in said
    (file,) = folder.glob("offline-run-*/run-srgan-today.wandb")
    values = history(file)
    assert values["loss"] == [0.5, 0.25]
    assert values["val/psnr"] == [28.5]
    assert values["trainer/global_step"] == [10, 20]


@pytest.mark.slow
def test_a_server_that_does_not_answer_makes_it_offline(no_account, monkeypatch, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{probe.getsockname()[1]}")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    code = """
logger = wandb(project="sr", folder=str(folder / "srgan" / "today"), name="a run", timeout_s=1)
logger.log_metrics({"loss": 0.5}, step=1)
logger.experiment.finish()
"""
    assert "W&B does not answer" in run(code, tmp_path)
    (file,) = (tmp_path / "srgan" / "today" / "wandb").glob("offline-run-*/*.wandb")
    assert history(file)["loss"] == [0.5]


@pytest.mark.slow
def test_two_runs_of_one_process_are_two_runs(no_account, tmp_path):
    code = """
for name, loss in (("a", 0.5), ("b", 0.25)):
    wandb(project="sr", folder=str(folder / "sweep" / name), name=name).log_metrics({"loss": loss}, step=1)
"""
    run(code, tmp_path)
    for name, loss in (("a", 0.5), ("b", 0.25)):
        (file,) = (tmp_path / "sweep" / name).rglob("*.wandb")
        assert history(file)["loss"] == [loss]


@pytest.mark.parametrize(
    ("mode", "key", "expected"),
    [
        (None, None, "offline"),
        (None, "0" * 40, "online"),
        ("offline", "0" * 40, "offline"),
        ("disabled", None, "disabled"),
        ("online", None, "online"),
    ],
)
def test_mode_is_what_is_set_or_else_online_with_a_key(no_account, monkeypatch, tmp_path, mode, key, expected):
    made = MagicMock()
    monkeypatch.setattr(loggers, "WandbLogger", made)
    for name, value in (("WANDB_MODE", mode), ("WANDB_API_KEY", key)):
        if value is not None:
            monkeypatch.setenv(name, value)
    wandb(project="sr", folder=str(tmp_path / "a" / "b"), name="a run")
    assert made.call_args.kwargs["mode"] == expected


def test_alerts_go_to_wandb_alone_and_from_the_first_process_alone():
    logger = MagicMock(spec=loggers.WandbLogger)
    logger.experiment.name = "srgan"
    trainer = SimpleNamespace(is_global_zero=True, loggers=[Curves("curves.csv"), logger])
    alert(trainer, "a" * 80, "text", "WARN")
    logger.experiment.alert.assert_called_once_with("srgan: " + "a" * 56, "text", "WARN", wait_duration=0)
    alert(SimpleNamespace(is_global_zero=False, loggers=[logger]), "title", "text")
    assert logger.experiment.alert.call_count == 1


def test_logins_are_found_where_wandb_looks(no_account, monkeypatch, tmp_path):
    assert not has_login()
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert has_login()
    monkeypatch.delenv("WANDB_API_KEY")
    write_netrc(tmp_path / "home" / ".netrc", api.setup().settings.base_url)
    assert has_login()
    api.teardown()  # which has the settings of the environment as it was
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.com")
    assert not has_login()
    api.teardown()


def test_a_login_in_the_file_that_netrc_names_is_found(no_account, monkeypatch, tmp_path):
    write_netrc(tmp_path / "keys", api.setup().settings.base_url)
    monkeypatch.setenv("NETRC", str(tmp_path / "keys"))
    assert has_login()


def write_netrc(file: Path, server: str) -> None:
    file.write_text(f"machine {urlsplit(server).netloc} login user password {'0' * 40}\n")
    file.chmod(0o600)
