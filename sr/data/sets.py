"""What a set is, for training, validation, tests and evaluation alike: a folder, a name, a list or two folders."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from sr import formats
from sr.errors import MissingError, UserError
from sr.formats import database
from sr.image.range import Range

from . import layout
from .images import Images
from .notes import say, some
from .tree import find

LOOKED_AT = 24  # images of one name whose sizes are compared, where nothing says which of them are LR
KEYS = ({"hr", "lr"}, {"hr", "lr", "meta_info"}, {"hr", "meta_info"})


@dataclass(frozen=True)
class Found:
    """The files of a set.

    Args:
        name: of the set.
        root: folder above the HR images.
        hr: the HR images.
        lr: the LR image of each, which may not be there; None where LR is made.
        lr_root: folder above them.
        alone: LR images without an HR image.
    """

    name: str
    root: Path
    hr: list[Path]
    lr: list[Path] | None = None
    lr_root: Path | None = None
    alone: Sequence[Path] = ()

    @cached_property
    def identity(self) -> str:
        """How many images, and a number that changes where one is added, taken away, renamed or has another size."""
        listing = [(below(self.root, path), database.status(path).st_size) for path in self.hr]
        for path in self.lr or ():
            assert self.lr_root is not None
            there = database.holder(path).exists()
            listing.append((below(self.lr_root, path), database.status(path).st_size if there else -1))
        what = "images" if self.lr is None else "pairs"
        return f"{len(self.hr)} {what} {hashlib.sha256(repr(listing).encode()).hexdigest()[:12]}"

    def images(self, scale: int, channels: int | None = 3, values: Range | None = None) -> Images:
        """The set as whole images."""
        return Images(self.name, self.hr, self.lr, scale, channels, values)


def open_set(
    which: str | Mapping[str, str],
    root: str | Path | None,
    scale: int,
    channels: int | None = 3,
    values: Range | None = None,
) -> Images:
    """The images that `which` names: as `locate`; `channels` and `values` as in `Images`."""
    return locate(which, root, scale).images(scale, channels, values)


def locate(which: str | Mapping[str, str], root: str | Path | None, scale: int) -> Found:
    """The files that `which` names.

    Args:
        which: a folder, an LMDB, a list of files (`meta_info.txt`), an image, or the name of such a folder in `root`,
            case ignored; or {"hr": folder, "lr": folder}, where `meta_info` may list the images. Which images of a
            folder are HR and which LR, their names say (`sr.data.layout`); LR images that are not there are made.
        root: folder of the benchmark sets.
        scale: between LR and HR.

    Raises:
        MissingError: no such folder, set or scale.
        UserError: no images in it, or images of which it cannot be told whether they are LR.
    """
    if not isinstance(which, str | Path):
        if not isinstance(which, Mapping) or set(which) not in KEYS:
            told = dict(which) if isinstance(which, Mapping) else which
            raise UserError(f"a set is a name, a folder or {{hr: DIR, lr: DIR}}, not {told}")
        return _given(which, scale)
    path = Path(which).expanduser()
    if path.suffix.lower() == ".txt" and path.is_file():
        return _listed(path)
    if path.is_file():
        return Found(formats.stem(path), path.parent, [path])
    return _in_tree(path if path.is_dir() else _in_root(str(which), root), scale)


def below(folder: Path, path: Path) -> str:
    """The name of a file below a folder."""
    return "/".join(path.parts[len(folder.parts) :])


def together(sets: Sequence[Found]) -> Found:
    """Several sets as one.

    Raises:
        UserError: some have LR images and some have not.
    """
    if len(sets) == 1:
        return sets[0]
    lacking = [one.name for one in sets if one.lr is None]
    if lacking and len(lacking) < len(sets):
        has = [one.name for one in sets if one.lr is not None]
        raise UserError(f"{some(has)} comes with LR images and {some(lacking)} without: name the folders of the HR "
                        "images alone, or give LR images to all")  # fmt: skip
    roots = [one.root.resolve() for one in sets]
    if clash := [one.name for one, root in zip(sets, roots, strict=True) if roots.count(root) > 1]:
        raise UserError(f"one folder twice: {some(clash)}")
    hr = [path.absolute() for one in sets for path in one.hr]
    lr = None if lacking else [path.absolute() for one in sets for path in one.lr or ()]
    return Found(
        "+".join(one.name for one in sets), _above([one.root for one in sets]), hr, lr,
        None if lr is None else _above([one.lr_root for one in sets if one.lr_root]),
        [path.absolute() for one in sets for path in one.alone],
    )  # fmt: skip


def _above(folders: Sequence[Path]) -> Path:
    """The deepest folder that holds all of these."""
    first, *rest = (folder.absolute() for folder in folders)
    return next(up for up in (first, *first.parents) if all(other.is_relative_to(up) for other in rest))


def _in_root(name: str, root: str | Path | None) -> Path:
    if Path(name).name != name:  # a path, and none of a set's names
        raise MissingError(f"{name} is not a folder; name one that holds images")
    if root is None:
        raise MissingError(f"{name}: no such folder, and no folder of benchmark sets to look in; set SR_BENCHMARKS, "
                           "root or data.benchmarks to the one that holds <Set>/HR_x4 and <Set>/LR_x4 (python -m "
                           "sr.download fetches them)")  # fmt: skip
    sets = {path.name.lower(): path for path in Path(root).expanduser().glob("*") if path.is_dir()}
    if name.lower() not in sets:
        raise MissingError(f"{name}: no such folder, and not in {root}, which holds "
                           f"{sorted(path.name for path in sets.values())}")  # fmt: skip
    return sets[name.lower()]


def _in_tree(folder: Path, scale: int) -> Found:
    name, files = folder.resolve().name, find(folder)
    paths = {below(folder, path): path for path in files}
    sides = layout.sides(list(paths), scale)
    if len(sides.strangers) == len(files):
        _must_be_of_one_size(folder, paths)
        return Found(name, folder, files)
    if len(sides.strangers) > len(sides.hr) > 0:
        raise UserError(f"{folder} holds {len(sides.hr)} HR images ({some(sides.hr, 1)}) and {len(sides.others)} that "
                        f"say neither HR nor LR ({some(sides.others, 1)}): which are meant? Name their "
                        "folder")  # fmt: skip
    hr, lr = ([paths[one] for one in names] for names in (sides.hr, sides.lr))
    if not sides.hr_scales and not hr:  # the others are, where they have LR images
        if 2 * len(layout.pair(sides.others, sides.lr, scale)) > len(sides.others):
            return _paired(name, folder, [paths[one] for one in sides.others], folder, lr, scale)
        raise UserError(f"{folder} holds LR images ({some(sides.lr, 1) or sides.lr_scales}) and none that says HR: put "
                        "the others into a folder HR, name two folders, {hr: DIR, lr: DIR}, or the one folder that is "
                        "meant")  # fmt: skip
    if not hr:
        raise MissingError(f"{folder} has no HR_x{scale}; it has {[f'HR_x{by}' for by in sides.hr_scales]}")
    if sides.others:
        say(f"{folder}: left out {len(sides.others)} images that say neither HR nor LR: {some(sides.others)}")
    if not lr:
        _must_be_of_one_size(folder, {one: paths[one] for one in (*sides.hr, *sides.others)})
        if sides.lr_scales:
            say(f"{folder}: has no LR images of scale {scale}, but of {sides.lr_scales}; LR is made of HR")
        return Found(name, folder, hr)
    return _paired(name, folder, hr, folder, lr, scale)


def _given(which: Mapping[str, str], scale: int) -> Found:
    hr = Path(which["hr"]).expanduser()
    lr = Path(which["lr"]).expanduser() if "lr" in which else None
    files = find(hr)
    if "meta_info" in which:
        listed = {name for names in _names_in(Path(which["meta_info"]).expanduser()) for name in names}
        files = [path for path in files if below(hr, path) in listed]
        if not files:
            raise UserError(f"{which['meta_info']} lists no image of {hr}")
    name = hr.resolve().name
    if lr is None:
        return Found(name, hr, files)
    found = _paired(name, hr, files, lr, find(lr), scale)
    return replace(found, alone=()) if "meta_info" in which else found


def _names_in(listing: Path) -> list[list[str]]:
    """Names in the lines of a list: of an image, or of HR and LR with a comma between; sizes are left out."""
    try:
        lines = listing.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise UserError(f"{listing}: not a list of images that can be read ({error})") from error
    names = [re.sub(r"\s+\(\d+(,\s*\d+)*\).*$", "", line.strip()) for line in lines if line.strip()]
    return [[part.strip() for part in name.split(", ")] for name in names]


def _listed(listing: Path) -> Found:
    """Images of a list, whose names begin in its folder, or in one of those above it."""
    names = _names_in(listing)
    if not names or len({len(line) for line in names}) > 1 or len(names[0]) > 2:
        raise UserError(f"{listing}: each line names an image, or an HR image, a comma and its LR image")
    first = names[0][0]
    folder = next((up for up in listing.absolute().parents if (up / first).exists()), None)
    if folder is None:
        raise MissingError(f"{listing}: {first} is neither in its folder nor in one above; give {{hr: DIR, meta_info: "
                           f"{listing}}}")  # fmt: skip
    hr = [folder / line[0] for line in names]
    lr = [folder / line[1] for line in names] if len(names[0]) == 2 else None
    if missing := [path for path in (*hr, *(lr or ())) if not database.holder(path).exists()]:
        raise MissingError(f"{listing}: names files that are not there: {some(missing)}")
    return Found(listing.stem, folder, hr, lr, folder if lr else None)


def _paired(name: str, root: Path, hr: list[Path], lr_root: Path, lr: list[Path], scale: int) -> Found:
    """An HR image whose partner is missing keeps the name that this would have: reading it will tell."""
    high = {below(root, path): path for path in hr}
    low = {below(lr_root, path): path for path in lr}
    pairs = layout.pair(list(high), list(low), scale)
    of_hr, of_lr = _folder(hr), _folder(lr)
    if not pairs:
        raise UserError(f"no image of {of_hr} has its partner in {of_lr}; pairs share their names, and lr is {scale} "
                        "times smaller")  # fmt: skip
    taken = set(pairs.values())
    partners = [low[pairs[one]] if one in pairs else of_lr / path.relative_to(of_hr) for one, path in high.items()]
    return Found(name, root, hr, partners, lr_root, [path for one, path in low.items() if one not in taken])


def _folder(files: Sequence[Path]) -> Path:
    return _above([path.parent for path in files])


def _must_be_of_one_size(folder: Path, paths: Mapping[str, Path]) -> None:
    """Refuse images that look like HR and LR, where no name says so: one name, and sizes several times apart.

    Only images of the same name are opened, and of those a few.
    """
    alike: dict[str, list[str]] = {}
    for name in paths:
        stem = name.rpartition("/")[2].rpartition(".")[0]
        if stem[-2:-1] in ("x", "X"):
            stem = re.sub(r"_?[xX][2-8]$", "", stem)
        alike.setdefault(stem, []).append(name)
    several = [names for names in alike.values() if len(names) > 1]
    looked_at = several[:: max(len(several) // LOOKED_AT, 1)][:LOOKED_AT]
    mixed = []
    for names in looked_at:
        shapes = {name: shape for name in names if (shape := _shape(paths[name]))}
        if by := layout.apart(shapes):
            large, *_, small = sorted(shapes, key=lambda name: shapes[name], reverse=True)
            mixed.append((by, large, small))
    if 2 * len(mixed) > len(looked_at):
        by, large, small = mixed[0]
        raise UserError(f"{folder} mixes sizes as pairs do: {small} is {by} times smaller than {large}. Are they LR "
                        "and HR? Then give {hr: DIR, lr: DIR}, in training data=paired data.hr=DIR data.lr=DIR; "
                        "otherwise name the one folder that is meant")  # fmt: skip


def _shape(path: Path) -> tuple[int, int] | None:
    try:
        with formats.open(path) as file:
            return file.shape[1], file.shape[2]
    except UserError:  # named when it is read
        return None
