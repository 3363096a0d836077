"""What a tree of files holds: images, those in databases too. What is left out on the way is said."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sr import formats
from sr.errors import UserError
from sr.formats import database

from .notes import say, some

# Files by which a folder that this project has written is known: a run, an evaluation.
WRITTEN = ({"config.yaml", "curves.csv"}, {"config.yaml", "checkpoints"}, {"metrics.json", "per_image.csv"})


def find(root: str | Path) -> list[Path]:
    """Image files under `root`, sorted; links are followed, hidden files and folders left out.

    Folders that a run or an evaluation has written are left out too, unless `root` is within one. They and what cannot
    be looked into are told on stderr.

    Raises:
        UserError: no such folder, or no image in it.
        MissingError: a database is in it, and the package for such is not installed.
    """
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise UserError(f"{root} is not a folder; name one that holds images")
    known = formats.suffixes(still=True)
    walk = _Walk(tuple(known))
    files = sorted(walk.through(folder, ()))
    for what, paths in walk.left_out.items():
        say(f"{root}: {what}: {some(sorted(paths))}")
    if not files:
        raise UserError(f"{root} holds no image; {', '.join(sorted(known))} are read")
    return files


@dataclass
class _Walk:
    known: tuple[str, ...]
    left_out: dict[str, list[Path]] = field(default_factory=dict)

    def through(self, folder: Path, above: tuple[str, ...]) -> Iterator[Path]:
        """The images; `above` are the folders on the way to this one, by which a link that leads back is known."""
        real = os.path.realpath(folder)
        if real in above:
            return self._leave("links that lead back are not followed", folder)
        try:
            with os.scandir(folder) as listed:
                entries = [entry for entry in listed if not entry.name.startswith(".")]
        except OSError as error:
            return self._leave(f"left out, for it cannot be opened ({error.strerror})", folder)
        names = {entry.name for entry in entries}
        if above and any(marks <= names for marks in WRITTEN):
            return self._leave("left out what runs and evaluations have written", folder)
        if database.DATA in names:
            yield from (folder / name for name in database.names_in(folder))
            return None
        for entry in entries:
            path = folder / entry.name
            if entry.is_dir():
                yield from self.through(path, (*above, real))
            elif entry.is_symlink() and not path.exists():
                self._leave("links to nothing", path)
            elif entry.name.lower().endswith(self.known) or formats.is_dicom(path):
                yield path
        return None

    def _leave(self, what: str, path: Path) -> None:
        self.left_out.setdefault(what, []).append(path)
