"""Jobs side by side see GPUs of their own."""

import os
from pathlib import Path

import pytest

from sr.sweep import shares


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    monkeypatch.setattr(shares, "_held", [])
    yield
    for file in shares._held:
        file.close()


def share_of_another(sweep: Path, monkeypatch, devices: str) -> str:
    """What one more process would see."""
    held = list(shares._held)
    shares._held.clear()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
    shares.take_share(sweep)
    shares._held.extend(held)
    return os.environ["CUDA_VISIBLE_DEVICES"]


def test_processes_see_different_gpus_as_long_as_there_are_enough(tmp_path, monkeypatch):
    seen = [share_of_another(tmp_path, monkeypatch, "4,5,GPU-7") for _ in range(4)]
    assert seen == ["4", "5", "GPU-7", "4"]


def test_a_process_keeps_its_gpu(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    for _ in range(2):
        shares.take_share(tmp_path)
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "2"


def test_the_place_of_one_that_has_ended_is_free(tmp_path):
    assert [shares.place(tmp_path), shares.place(tmp_path)] == [0, 1]
    shares._held.pop(0).close()
    assert shares.place(tmp_path) == 0


def test_gpus_are_counted_where_none_are_named(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(shares, "GPUS", tmp_path / "none")
    assert shares.visible() == []
    shares.take_share(tmp_path)
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / "gpus" / name).mkdir(parents=True)
    monkeypatch.setattr(shares, "GPUS", tmp_path / "gpus")
    assert shares.visible() == ["0", "1"]


def test_no_gpu_is_a_choice(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert shares.visible() == []
