"""A GPU of its own for each job that runs beside others on one machine."""

import os
from itertools import count
from pathlib import Path
from typing import IO

from sr.atomic import fcntl

GPUS = Path("/proc/driver/nvidia/gpus")
_held: list[IO[str]] = []  # the lock of this process's place, until it ends


def take_share(sweep: Path) -> None:
    """Let this process see one GPU alone, another one than the processes beside it as long as there are enough.

    Cores need no care: joblib gives each of its processes as many threads as are its share. A process keeps its place
    for all its jobs.

    Args:
        sweep: folder of the sweep, in which places are locked.
    """
    devices = visible()
    if _held or not devices or fcntl is None:
        return
    os.environ["CUDA_VISIBLE_DEVICES"] = devices[place(sweep / ".places") % len(devices)]


def visible() -> list[str]:
    """GPUs that this process may use, found without waking them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in given.split(",") if name.strip()]
    return [str(i) for i in range(len(list(GPUS.iterdir())))] if GPUS.is_dir() else []


def place(folder: Path) -> int:
    """The lowest number that no other living process holds."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in count():
        file = open(folder / str(number), "w")  # noqa: SIM115
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            continue
        _held.append(file)
        return number
    raise AssertionError
