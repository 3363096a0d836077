"""Images in an LMDB, as BasicSR writes them: a folder with `data.mdb`, encoded images under their names without suffix.

An image of one has a path like that of a file, `train.lmdb/0001_s001.png`, and is opened like one.
"""

import os
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from sr.errors import optional

DATA = "data.mdb"


def names_in(folder: Path) -> list[str]:
    """Names of the images; a database without `meta_info.txt` knows no suffixes, and they are read as PNG is.

    Raises:
        MissingError: lmdb is not installed.
    """
    listing = folder / "meta_info.txt"
    if listing.is_file():  # 0001_s001.png (480,480,3) 1
        lines = listing.read_text(encoding="utf-8").splitlines()
        return [line.split(" (")[0].strip() for line in lines if line.strip()]
    with _environment(folder).begin() as transaction:
        return [f"{key.decode()}.png" for key in transaction.cursor().iternext(keys=True, values=False)]


def holder(path: Path) -> Path:
    """The file on disk that holds an image: itself, or that of a database."""
    if path.exists():
        return path
    return next((parent / DATA for parent in path.parents if (parent / DATA).is_file()), path)


def status(path: Path) -> os.stat_result:
    """Size and times of the file on disk that holds an image."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return holder(path).stat()


def opened(path: Path) -> BytesIO | None:
    """The bytes of an image in a database; None where there is no such database, or no such image in it.

    Raises:
        MissingError: lmdb is not installed.
    """
    found = holder(path)
    if found.name != DATA or found == path:
        return None
    with _environment(found.parent).begin(buffers=False) as transaction:
        name = path.relative_to(found.parent)
        content = transaction.get(name.with_suffix("").as_posix().encode()) or transaction.get(str(name).encode())
    return None if content is None else BytesIO(content)


def _environment(folder: Path) -> Any:
    lmdb = optional("lmdb", f"{folder}: an LMDB, which needs lmdb", "lmdb")
    return _opened(lmdb, str(folder.resolve()), os.getpid())  # one a process: a fork must open its own


@lru_cache(maxsize=16)
def _opened(lmdb: Any, folder: str, _: int) -> Any:
    return lmdb.open(folder, readonly=True, lock=False, readahead=False, meminit=False)
