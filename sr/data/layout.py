"""Which images of a tree are HR and which LR, as the names of its folders and files say it.

Folders: `HR`, `HR_x4`, `DIV2K_train_HR`, `GTmod12`, `gt`; beside them `LR`, `LR_x4`, `DIV2K_train_LR_bicubic/X4`,
`LRbicx4`, `lq`. Files in one folder: `img_001_SRF_4_HR.png` and `img_001_SRF_4_LR.png`, `Canon_001_HR.png` and
`Canon_001_LR4.png`, `a_x1.png` and `a_x4.png`. What an HR image and its LR image share of their paths without these
words is their key.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath
from typing import NamedTuple

from sr import formats
from sr.errors import UserError

HR = re.compile(r"(?:hr|gt)(?:mod\d+)?(?:x?([1-9]))?")
LR = re.compile(r"(?:lr|lq)(?:bicubic|bic|blur|unknown)?(?:x?([1-9]))?")
SCALE = re.compile(r"x([1-9])|([1-9])x")
HINT = re.compile(
    r"(?:^|[_\-. /])(?:hr|gt|lr|lq|x1(?!\d))", re.IGNORECASE | re.MULTILINE
)  # without one, no image is LR
KINDS = {"bicubic", "bic", "unknown", "mild", "wild", "difficult", "sub", "lmdb", "srf"}  # say how LR was made, or cut


class Label(NamedTuple):
    """What a name says: "hr", "lr" or nothing; the scale; and the rest of it."""

    side: str | None
    scale: int | None
    rest: str


class Labelled(NamedTuple):
    """The same of a path below the root."""

    side: str | None
    scale: int | None
    folder: str  # which says it
    key: str


@lru_cache(maxsize=4096)  # folders come again with every file in them
def label(name: str) -> Label:
    """What the name of a folder says of the images in it; what says nothing is returned as it is."""
    side = scale = None
    rest, words = [], re.split(r"[_\-. ]+", name)
    for i, word in enumerate(map(str.lower, words)):
        hr, lr, by = HR.fullmatch(word), LR.fullmatch(word), SCALE.fullmatch(word)
        after_srf = i > 0 and words[i - 1].lower() == "srf" and word in tuple("23456789")
        if hr or lr:
            side = "hr" if hr else "lr"
        elif not by and not after_srf:
            rest.append(words[i])
        found = next((group for match in (hr, lr, by) if match for group in match.groups() if group), None)
        if found or after_srf:
            scale = int(found or word)
    if side is None and scale is None:
        return Label(None, None, name)
    return Label(side, scale, "_".join(word for word in rest if word.lower() not in KINDS))


def label_of_file(stem: str) -> Label:
    """What the name of a file says: by its first or last word alone, for in others such words may mean anything."""
    words = re.split(r"[_\-]+", stem)
    if len(words) < 2:
        return Label(None, None, stem)
    for at in (-1, 0):
        word = label(words[at])
        if word.side is None and not (at == -1 and word.scale):
            continue
        found = label(stem)
        side = word.side or ("hr" if word.scale == 1 else "lr")
        return Label(side, None if found.scale == 1 else found.scale, found.rest)
    return Label(None, None, stem)


def labelled(path: str, of_files: bool) -> Labelled:
    """What a path below the root says; with `of_files` the name of the file as well."""
    *folders, name = PurePath(path).parts
    side = scale = None
    said, kept = "", []
    for i, folder in enumerate(folders):
        found = label(folder)
        if of_files and folder in tuple("2345678"):  # RealSR's Test/4
            found = Label(None, int(folder), "")
        side, scale = found.side or side, found.scale or scale
        said = "/".join(folders[: i + 1]) if found.side or found.scale else said
        kept += [found.rest] if found.rest else []
    stem = formats.stem(Path(name))
    if of_files:
        found = label_of_file(stem)
        side, scale, stem = found.side or side, found.scale or scale, found.rest
    return Labelled(side, scale, said or ".", "/".join([*kept, stem]))


def partner_stem(name: str, scale: int) -> str:
    """What the names of an HR image and of its LR image share: `a/b` of `a/b.png`, `a/bx4.png`, `a/b_x4.jpg`."""
    base, tail = numbered(name)
    path = Path(base)
    return _without_scale(str(path.with_name(formats.stem(path))), scale) + tail


def _without_scale(stem: str, scale: int) -> str:
    return re.sub(rf"_?x{scale}$", "", stem)


def numbered(name: str) -> tuple[str, str]:
    """The name of a file, and "[3]" where it is that of one of its frames or slices."""
    tail = re.search(r"(\[\d+\])?$", name)
    return name[: tail.start()] if tail else name, tail.group() if tail else ""


@dataclass(frozen=True)
class Sides:
    """Names of the HR images and of the LR images of one scale; the scales that each has.

    Args:
        others: neither HR nor LR.
        strangers: those of them that are not even called like one, as `img_001_SRF_4_bicubic.png` is.
    """

    hr: list[str]
    lr: list[str]
    others: list[str]
    strangers: list[str]
    hr_scales: list[int]
    lr_scales: list[int]


def sides(names: Sequence[str], scale: int) -> Sides:
    """Sort names below a root into HR, LR and neither; of HR and LR those of this scale, or of none, are taken."""
    if not HINT.search("\n".join(names)):
        return Sides([], [], list(names), list(names), [], [])
    found = {name: labelled(name, False) for name in names}
    if {"hr", "lr"} - {one.side for one in found.values()}:  # the folders do not tell them apart
        by_file = {name: labelled(name, True) for name in names}
        keys = {side: {one.key for one in by_file.values() if one.side == side} for side in ("hr", "lr")}
        found = by_file if keys["hr"] & keys["lr"] else found
    if all(one.side is None for one in found.values()):
        return Sides([], [], list(names), list(names), [], [])
    scales = {side: sorted({one.scale for one in found.values() if one.side == side and one.scale})
              for side in ("hr", "lr")}  # fmt: skip
    wanted = scale if scale in scales["hr"] else None
    hr = [name for name, one in found.items() if one.side == "hr" and one.scale == wanted]
    lr = [name for name, one in found.items() if one.side == "lr" and one.scale in (scale, None)]
    of_scale = {found[name].key for name in lr if found[name].scale}
    lr = [name for name in lr if found[name].scale or found[name].key not in of_scale]
    others = [name for name, one in found.items() if one.side is None]
    known = {one.key.rpartition("/")[2] for one in found.values() if one.side}
    strangers = [name for name in others if not _begins_as(labelled(name, False).key.rpartition("/")[2], known)]
    return Sides(hr, lr, others, strangers, scales["hr"], scales["lr"])


def _begins_as(stem: str, known: set[str]) -> bool:
    return any(stem[: at.start()] in known for at in re.finditer(r"_|-|$", stem))


def pair(hr: Sequence[str], lr: Sequence[str], scale: int) -> dict[str, str]:
    """HR name -> name of its LR image, each used once; the very name is preferred.

    Names are compared whole, then without what says HR or LR, then without folders: whichever pairs the most.

    Raises:
        UserError: an HR image has LR images in several folders.
    """
    keys: tuple[Callable[[str], str], ...] = (
        lambda name: partner_stem(name, scale),
        lambda name: _without_scale(labelled(name, False).key, scale),
        lambda name: _without_scale(labelled(name, True).key, scale),
        lambda name: _without_scale(labelled(name, True).key.rpartition("/")[2], scale),
    )
    best: dict[str, str] = {}
    for key in keys:
        if len(best) == min(len(hr), len(lr)):  # none pairs more
            break
        of_hr, of_lr = _by(key, hr), _by(key, lr)
        if len(of_hr.keys() & of_lr.keys()) > len(best):
            best = _paired(of_hr, of_lr)
    return {name: best[name] for name in hr if name in best}


def _by(key: Callable[[str], str], names: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(key(name), []).append(name)
    return found


def _paired(of_hr: Mapping[str, list[str]], of_lr: Mapping[str, list[str]]) -> dict[str, str]:
    """Pairs of the HR and LR images of one key."""
    found: dict[str, str] = {}
    for one, names in of_hr.items():
        left = list(of_lr.get(one, ()))
        folders = {str(PurePath(name).parent) for name in left}
        if len(folders) > 1 and len({str(PurePath(name).parent) for name in names}) < len(folders):
            raise UserError(f"{names[0]} has an LR image in each of {', '.join(sorted(folders))}: which is meant? "
                            "Name the folders, {hr: DIR, lr: DIR}; in training data=paired data.hr=DIR "
                            "data.lr=DIR")  # fmt: skip
        for name in names:  # the very names first
            very = next((other for other in left if PurePath(other).name == PurePath(name).name), None)
            if very is not None:
                found[name] = very
                left.remove(very)
        for name in names:
            if name not in found and left:
                found[name] = left.pop(0)
    return found


def misfit(hr: Sequence[int], lr: Sequence[int], scale: int) -> str:
    """Why an LR image of this height and width is not one of an HR image of that; nothing where it is."""
    (height, width), (lr_height, lr_width) = hr, lr
    tall, wide = height // scale, width // scale
    if (lr_height, lr_width) == (tall, wide):
        return ""
    return f"LR is {lr_width}x{lr_height}, HR {width}x{height} at scale {scale} needs {wide}x{tall}"


def apart(shapes: Mapping[str, tuple[int, int]]) -> int | None:
    """How many times the largest of some sizes (height, width) is another one; None where no two are like HR and LR."""
    (height, width), *rest = sorted(shapes.values(), reverse=True)
    for other in rest:
        by = round(height / other[0])
        if 2 <= by <= 8 and (height // by, width // by) == other:
            return by
    return None
