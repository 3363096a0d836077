from pathlib import Path

import pytest
import torch

from sr.inference import memory
from sr.inference.memory import free_bytes, peak_bytes

CPU = torch.device("cpu")
K = 4096  # bytes of 1024 floats


def floats(count: int = 1024) -> torch.Tensor:
    return torch.empty(count)


def freed():
    a = floats()
    b = a + 1
    del a
    return b, floats()


def in_place():
    a = floats()
    a.add_(1).mul_(2)
    torch.sqrt(a, out=a)
    return a


def views():
    a = floats()
    return a.view(32, 32).T[3:], a.chunk(4), a.expand(5, -1)


def kept_by_a_view():
    a = floats()
    view = a[:1]
    del a
    return view, floats()


def several_at_once():
    return torch.sort(floats())  # floats and the int64 of their places


def larger_in_between():
    a = floats()
    b = torch.cat([a, a, a])
    del b
    return floats() + a


@pytest.mark.parametrize(
    ("compute", "peak"),
    [
        (lambda: None, 0),
        (lambda: floats(), K),
        (lambda: [floats(), floats(512), floats(1)], K + K // 2 + 4),
        (lambda: [floats() for _ in range(3)], 3 * K),
        (lambda: [floats().sum() for _ in range(3)], K + 3 * 4),
        (freed, 2 * K),
        (in_place, K),
        (views, K),
        (kept_by_a_view, 2 * K),
        (several_at_once, K + K + 2 * K),
        (larger_in_between, 4 * K),
        (lambda: floats().to(torch.float64), K + 2 * K),
        (lambda: floats().to(torch.float32), K),
    ],
)
@pytest.mark.parametrize("inference", [False, True])
def test_the_peak_is_what_lives_at_once(compute, peak, inference):
    with torch.inference_mode(inference):
        assert peak_bytes(compute, CPU) == peak


def test_what_was_there_before_is_not_counted():
    before = [floats(), floats()]
    assert peak_bytes(lambda: before[0].add_(1), CPU) == 0
    assert peak_bytes(lambda: before[0][:5] + 1, CPU) == 20
    assert peak_bytes(lambda: (before.pop(), floats(1)), CPU) == 4
    assert peak_bytes(lambda: torch.add(before[0], 1, out=before[0]), CPU) == 0


def test_a_second_measurement_knows_nothing_of_the_first():
    kept = []
    assert peak_bytes(lambda: kept.append(floats()), CPU) == K
    assert peak_bytes(lambda: kept.append(kept[0] + 1), CPU) == K
    kept.clear()
    assert peak_bytes(floats, CPU) == K


def test_an_error_ends_the_measurement():
    with pytest.raises(ZeroDivisionError):
        peak_bytes(lambda: floats() + 1 / 0, CPU)
    assert peak_bytes(floats, CPU) == K


# --- what is free -----------------------------------------------------------------------------------------------------


def test_this_machine_has_some():
    assert 1 << 20 < free_bytes(CPU) < 1 << 50


G = 1 << 30


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A machine with 8 GiB free; system(limit, used, cached) puts it into a container."""
    monkeypatch.setattr(memory, "Path", lambda name: tmp_path / Path(name).relative_to("/"))
    group = tmp_path / "sys" / "fs" / "cgroup"
    group.mkdir(parents=True)
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text(
        f"MemTotal:       33554432 kB\nMemFree:  1024 kB\nMemAvailable:   {8 * G // 1024} kB\nHugePages_Total:   0\n"
    )

    def system(limit, used, cached=0):
        (group / "memory.max").write_text(f"{limit}\n")
        (group / "memory.current").write_text(f"{used}\n")
        (group / "memory.stat").write_text(f"anon {used - cached}\ninactive_file {cached}\nactive_file 0\n")

    return system


def test_without_a_container_the_machine_tells(system):
    assert free_bytes(CPU) == 8 * G


@pytest.mark.parametrize(
    ("limit", "used", "cached", "free"),
    [
        ("max", G, 0, 8 * G),
        (4 * G, G, 0, 3 * G),
        (64 * G, G, 0, 8 * G),  # more than there is
        (4 * G, 4 * G, 3 * G, 3 * G),  # what files left in the cache is given back
        (G, G + 4096, 0, 0),
    ],
)
def test_a_container_leaves_what_its_limit_leaves(system, limit, used, cached, free):
    system(limit, used, cached)
    assert free_bytes(CPU) == free


def test_a_system_that_does_not_tell(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "Path", lambda name: tmp_path / Path(name).relative_to("/"))
    assert free_bytes(CPU) == memory.UNKNOWN > 0
