"""How much memory there is, and how much a computation takes."""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from weakref import finalize

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

UNKNOWN = 4 << 30  # assumed free where the system does not tell


def keep_freed() -> None:
    """Make the C library keep the memory that tensors free, for the next ones.

    By default glibc gives blocks of over 32 MB back to the system at once and pays for each page again: a third of the
    time of a convolution on a large image.
    """
    with _glibc() as libc:
        libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD


def give_back() -> None:
    """Return the memory that `keep_freed` kept to the system, so that `free_bytes` counts it; reuse costs time."""
    with _glibc() as libc:
        libc.malloc_trim(0)


@contextmanager
def _glibc() -> Iterator[Any]:
    with suppress(OSError, AttributeError):  # another C library than glibc
        yield ctypes.CDLL("libc.so.6")


def free_bytes(device: torch.device) -> int:
    """Free memory in bytes: of the GPU, or on a CPU the lesser of what the machine and its container have left."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    meminfo = Path("/proc/meminfo")
    free = UNKNOWN
    if meminfo.exists():
        fields = dict(line.split(":") for line in meminfo.read_text().splitlines())
        free = int(fields["MemAvailable"].split()[0]) * 1024
    group = Path("/sys/fs/cgroup")
    if (group / "memory.max").exists() and (limit := (group / "memory.max").read_text().strip()) != "max":
        used = int((group / "memory.current").read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        cache = int(stat["inactive_file"])  # of files that were read: counted as used, given back when asked for
        free = min(free, max(int(limit) - used + cache, 0))
    return free


def peak_bytes(compute: Callable[[], Any], device: torch.device) -> int:
    """The most that tensors take at once while `compute` runs, beyond what was there before.

    On the CPU, tensors are counted as operations make them; scratch space inside of an operation is not seen.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        compute()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    with _Live() as live:
        compute()
    return live.peak


class _Live(TorchDispatchMode):
    """Adds up the storages that are alive."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {_id(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, Tensor) and _id(leaf) not in self.known | given:
                storage = leaf.untyped_storage()
                self.known.add(_id(leaf))
                self.now += storage.nbytes()
                self.peak = max(self.peak, self.now)
                finalize(storage, self._gone, _id(leaf), storage.nbytes())
        return made

    def _gone(self, storage: int, nbytes: int) -> None:
        self.known.discard(storage)
        self.now -= nbytes


def _id(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
