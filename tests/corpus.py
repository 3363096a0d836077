"""A corpus of small files of every kind that is read, each with what must come back after enlarging.

`python -m tests.corpus FOLDER` writes them all. What holds for every file need not be said there: whatever
`tests.facts` reads of it, whoever made it, is the same after enlarging, and so are its pixels.
"""

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Sample:
    """A file, and what must come back.

    Args:
        name: of the file; its folder is that of its kind.
        make: writes it, and what lies beside it.
        says: facts of the result that must be these, by the names of `tests.facts`; so none is tested in vain.
        told: parts of the line of output.
        lost: facts that need not come back; `told` says why.
        within: mean difference of pixels, in levels, that lossy coding makes.
        refused: part of the sentence by which it is refused, if it is.
        options: of `sr.inference.pixels.Options`.
    """

    name: str
    make: Callable[[Path], object]
    says: dict[str, Any] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    within: float = 0.0
    refused: str = ""
    options: dict[str, Any] = field(default_factory=dict)


@cache
def samples() -> tuple[Sample, ...]:
    """All of them; those of kinds whose library is missing are left out."""
    from tests.kinds import animations, clips, dicom, pictures, scenes, volumes

    return tuple(s for kind in (pictures, animations, clips, dicom, volumes, scenes) for s in kind.samples())


def write(folder: Path, wanted: tuple[Sample, ...] | None = None) -> dict[str, Path]:
    """Write samples, by default all; returns where each is."""
    made = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, about files as odd as these are
        for sample in samples() if wanted is None else wanted:
            path = folder / sample.name
            path.parent.mkdir(parents=True, exist_ok=True)
            sample.make(path)
            made[sample.name] = path
    return made


if __name__ == "__main__":
    print(f"{len(write(Path(sys.argv[1])))} files in {sys.argv[1]}")
