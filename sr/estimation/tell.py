"""Estimates of a user's photos, as a table and as JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from sr import formats
from sr.errors import MissingError, UserError, reason

from .photo import Estimate, of_file
from .presets import Nearest, nearest

HEADINGS = ("photo", "noise", "grain", "JPEG", "grid", "kernel", "halo", "like")
SHOWN = 0.05  # shares below are not told


def files(inputs: Sequence[str]) -> list[Path]:
    """Files, and in folders all pictures that are not hidden.

    Raises:
        UserError: a name that is not there, or nothing at all.
    """
    found: list[Path] = []
    for given in inputs:
        root = Path(given)
        if not root.exists():
            raise MissingError(f"{given}: no such file or folder")
        inside = sorted(p for p in root.rglob("*") if formats.kind_of(p) == "picture") if root.is_dir() else [root]
        found += [p for p in inside if not any(part.startswith(".") for part in p.relative_to(root).parts)]
    if not found:
        raise UserError(
            f"no pictures in {', '.join(inputs)}; {', '.join(sorted(formats.suffixes(still=True)))} are read"
        )
    return found


def estimates(inputs: Sequence[str]) -> tuple[dict[str, Estimate], list[str]]:
    """Path -> estimate of every file that can be read, and what is wrong with the others.

    Raises:
        UserError: nothing to read.
    """
    found, faults = {}, []
    for path in files(inputs):
        try:
            with formats.open(path) as file:
                found[str(path)] = of_file(file)
        except Exception as error:  # MemoryError too: one file must not cost the others
            why = reason(error)
            faults.append(why if str(path) in why else f"{path}: {why}")
    return found, faults


def record(found: Mapping[str, Estimate]) -> dict[str, Any]:
    """What the table says, for programs."""
    together = nearest(list(found.values()))
    each = {path: one._asdict() | {"nearest": nearest([one]).name} for path, one in found.items()}
    return {"photos": each, "nearest": together.name, "shares": together.shares}


def table(found: Mapping[str, Estimate]) -> str:
    """A line a photo, their medians, and what to train under."""
    rows = [HEADINGS, *((path, *cells(one), nearest([one]).name) for path, one in found.items())]
    together = nearest(list(found.values()))
    if len(found) > 1:
        rows.append(("median", *cells(middle(list(found.values()))), together.name))
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", EXPLAINED, advice(together)])


EXPLAINED = (
    "noise and grain: standard deviation in levels of 255, of fine noise, and of that which is left at half the size\n"
    "JPEG: quality 1-100 (* as the file says); grid: where its blocks begin\n"
    "kernel: standard deviation of the blur in pixels, 0.5 is sharp; halo: overshoot of edges, 0.1 is usual"
)


def advice(together: Nearest) -> str:
    """What to train under for photos like these."""
    likely = sorted(together.shares.items(), key=lambda item: -item[1])
    told = ", ".join(f"{name} {share:.0%}" for name, share in likely if share >= SHOWN)
    return f"Most like degradation={together.name} ({told}): python -m sr.train degradation={together.name} ..."


def cells(one: Estimate) -> tuple[str, ...]:
    """Noise, grain, JPEG, grid, kernel and halo in words."""
    quality = "-" if one.quality is None else f"{one.quality}{'*' if one.by_file else ''}"
    grid = "-" if one.grid is None else "{},{}".format(*one.grid)
    width, halo = ("-" if value is None else f"{value:.2f}" for value in (one.width, one.halo))
    return f"{one.noise:.1f}", f"{one.grain:.1f}", quality, grid, width, halo


def middle(found: Sequence[Estimate]) -> Estimate:
    """The median of each value; of JPEG no grid, and no quality where most have none."""

    def of(values: Sequence[Any]) -> Any:
        known = [value for value in values if value is not None]
        return median(known) if 2 * len(known) > len(values) else None

    quality = of([one.quality for one in found])
    return Estimate(
        median(one.noise for one in found), median(one.grain for one in found), quality and round(quality),
        width=of([one.width for one in found]), halo=of([one.halo for one in found]),
    )  # fmt: skip
