"""Files that are written whole or not at all."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

UNFINISHED = re.compile(r"\..*~[0-9a-f]{8}(\.[^.]*)?")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary file beside `path` to write to; it takes the place of `path` at the end, or nothing is left of it.

    Its name ends as that of `path` does, for writers that go by the suffix. Folders on the way are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.stem[:200]}~{token_hex(4)}{path.suffix}"
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        mode = os.fstat(descriptor).st_mode & 0o777
        if fcntl is not None:
            with suppress(OSError):  # some file systems have no locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield temporary
        temporary.chmod(mode)  # some writers make a file of their own in its place, for themselves alone
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def write_text(path: str | Path, text: str) -> None:
    """`Path.write_text`, whole or not at all, in UTF-8 and with the line ends of `text`."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def sweep(folder: Path) -> None:
    """Remove what a process that was killed had begun to write in `folder`; what one is writing now, it has locked."""
    if fcntl is None or not folder.is_dir():
        return
    for entry in os.scandir(folder):
        if UNFINISHED.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
            with suppress(OSError), open(entry.path, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(entry.path)
