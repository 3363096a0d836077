"""What the code is that scores were made with."""

import subprocess

import pytest

from sr.judge import environment


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """This package in a repository of its own, with one commit."""
    (tmp_path / "sr" / "judge").mkdir(parents=True)
    (tmp_path / "sr" / "judge" / "environment.py").write_text("a = 1\n")
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "sr" / "judge" / "environment.py"))
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    return tmp_path


def test_a_clean_checkout_has_a_commit_and_no_diff(repository):
    assert environment.checkout() == str(repository)
    assert not environment.commit().endswith("+")
    assert environment.diff() == ""


def test_what_changed_is_told(repository):
    (repository / "sr" / "judge" / "environment.py").write_text("a = 2\n")
    (repository / "new.py").write_text("not known to git")
    assert environment.commit().endswith("+")
    assert "-a = 1\n+a = 2" in environment.diff()
    assert "new.py" not in environment.diff()


def test_a_package_in_somebody_elses_repository_has_none(repository, monkeypatch):
    inner = repository / "site-packages" / "sr" / "judge" / "environment.py"
    inner.parent.mkdir(parents=True)
    inner.touch()
    monkeypatch.setattr(environment, "__file__", str(inner))
    assert environment.checkout() is None
    assert environment.commit() == "unknown"
    assert environment.diff() == ""
