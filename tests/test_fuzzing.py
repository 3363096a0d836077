"""Damaged files end in a sentence or a right result: no crash, no hang, no flood of memory, nothing half-written."""

import json
import os
import sys

import numpy as np
import pytest
from PIL import Image

from tests import fuzzing, ready

COUNT = 2000


def wrong(tmp_path, first: int, count: int) -> dict[str, str]:
    """In a process that has nothing open, for it forks."""
    command = ["tests.fuzzing", str(count), str(first), str(tmp_path)]
    done = ready.run(command, tmp_path, os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")
def test_a_hundred_damaged_files(tmp_path):
    assert wrong(tmp_path, 0, 100) == {}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")
def test_two_thousand_damaged_files(tmp_path):
    assert wrong(tmp_path, 1000, COUNT) == {}


def test_a_mutant_is_a_function_of_its_number(tmp_path):
    (one, how), (again, _) = (fuzzing.mutant(7, tmp_path / name) for name in "ab")
    assert one.read_bytes() == again.read_bytes()
    assert how.startswith("7: ")
    whats = {fuzzing.mutant(n, tmp_path / str(n))[1].split()[-1] for n in range(20)}
    assert whats == {"flipped", "cut", "swapped"}


def test_damage_would_be_found(tmp_path, monkeypatch):
    """By its checksum, where the reader says nothing; and a process that dies, or an error that is no sentence."""
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert not fuzzing.is_wrong_by_checksum(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[data.index(b"IDAT") + 6] ^= 1
    (tmp_path / "a.png").write_bytes(data)
    assert fuzzing.is_wrong_by_checksum(tmp_path / "a.png")
    for what, told in ((lambda *_: os._exit(3), "ended with 3"), (lambda *_: 1 / 0, "ZeroDivisionError"),
                       (lambda *_: np.zeros(3 << 30, np.uint8), "MemoryError"), (lambda *_: "", "nothing was written"),
                       ):  # fmt: skip
        monkeypatch.setattr("sr.inference.files.enlarge_file", what)
        found = fuzzing.wrong([5, 6], tmp_path / told)
        assert len(found) == 2
        assert all(told in text for text in found.values())
