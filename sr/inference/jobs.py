"""The list of files to enlarge, and the loop over it: a bad file is named, and the rest goes on."""

import glob
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from sr import formats
from sr.atomic import sweep
from sr.errors import UserError, reason

from . import files
from .auto import Auto
from .enlarger import Enlarger
from .pixels import Options
from .warned import captured


@dataclass
class Job:
    """One file.

    Args:
        source, target: to read and to write.
        trouble: why it cannot be done.
    """

    source: Path
    target: Path
    trouble: str = ""


def jobs(inputs: list[str], out: Path, by: str) -> list[Job]:
    """What to do: a file becomes `out/<name>_x4.<suffix>`, or `out` itself where that names one; a folder is mirrored.

    Args:
        inputs: files, folders, patterns.
        out: a folder, or for one file a file.
        by: x4 or the like, for the names.

    Raises:
        UserError: nothing to do.
    """
    found: list[Job] = []
    single = len(inputs) == 1 and not Path(inputs[0]).is_dir() and not _is_pattern(inputs[0])
    if not out.is_dir():
        if not single and formats.kind_of(out):
            raise UserError(f"{out}: the name of one file, where several are made; name a folder")
        if single and not formats.kind_of(out) and re.fullmatch(r"\.[A-Za-z]{3,4}", out.suffix):
            raise UserError(f"{out}: no kind of file that is written here; if it is to be a folder, make it first")
    for given in inputs:
        root = Path(given)
        if root.is_dir():
            paths = sorted(p for p in root.rglob("*") if formats.is_known(p) and _visible(p, root, out))
            found += [Job(p, (out / p.relative_to(root)).with_name(formats.made_name(p))) for p in paths]
        else:
            paths = sorted(map(Path, glob.glob(given, recursive=True))) if _is_pattern(given) else [root]
            named = single and formats.kind_of(out) != "" and not out.is_dir()
            found += [Job(p, out if named else out / formats.made_name(p, f"_{by}")) for p in paths]
    if not found:
        raise UserError(f"nothing to enlarge in {', '.join(inputs)}; {', '.join(sorted(formats.suffixes()))} are read")
    alike: dict[Path, list[Job]] = {}
    for job in found:
        alike.setdefault(job.target, []).append(job)
    for same in alike.values():
        if len(sources := dict.fromkeys(str(job.source) for job in same)) > 1:
            for job in same:
                both = "both" if len(sources) == 2 else "all"
                job.trouble = f"{' and '.join(sources)} would {both} become {job.target}; enlarge them one by one"
    return found


def run(
    work: list[Job], enlarger: Enlarger | Auto, options: Options, overwrite: bool = False, dry_run: bool = False
) -> bool:
    """Enlarge every file and print the notes; results that exist are left as they are.

    Args:
        work: as `jobs`.
        enlarger: to use, or what chooses it by the file.
        options: what else is done.
        overwrite: make anew what is there already.
        dry_run: only say what would be done.

    Returns:
        Whether all could be enlarged that are images; files that hold something else are told apart, and are no
        failures unless there is nothing else.
    """
    for folder in {job.target.parent for job in work} if not dry_run else ():
        sweep(folder)
    failed, others, there = list[str](), list[str](), 0
    for job in tqdm(work, unit="file", disable=len(work) < 2 or dry_run):
        if job.trouble:
            failed.append(job.trouble)
            continue
        try:
            if is_done(job, options, overwrite):
                there += 1
                continue
            if dry_run:
                print(f"{job.source} -> {job.target}")
                continue
            with captured() as said:
                note = files.enlarge_file(job.source, job.target, enlarger, options, overwrite)
            told = "; ".join([note, *said] if note else said)
            tqdm.write(f"{job.target}{': ' if told else ''}{told}")
        except formats.NoImage as error:
            others.append(str(error))
        except Exception as error:  # MemoryError too: one file must not cost the others
            why = reason(error)
            failed.append(why if str(job.source) in why else f"{job.source}: {why}")
    if there:
        print(f"{there} of {len(work)} were there already (--overwrite makes them anew)")
    if others:
        print(f"left out, as they hold no image ({len(others)} of {len(work)}):", *others, sep="\n  ")
    for why in dict.fromkeys(failed):
        print(f"failed: {why}", file=sys.stderr)
    if len(others) == len(work):
        print("failed: none of these files holds an image", file=sys.stderr)
    return not failed and len(others) < len(work)


def is_done(job: Job, options: Options, overwrite: bool = False) -> bool:
    """Whether the result exists and stays.

    Raises:
        UserError: it would overwrite its source, or it exists without the map that is asked for.
    """
    if overwrite:
        return False
    if job.target.resolve() == job.source.resolve():
        raise UserError(f"{job.source}: would be overwritten; name another place, or --overwrite")
    if not job.target.exists():
        return False
    if options.uncertainty and not files.maps(job.target):
        raise UserError(f"{job.target}: is there, but no map of it; --overwrite makes both")
    return True


def _is_pattern(text: str) -> bool:
    return glob.has_magic(text) and not Path(text).exists()


def _visible(path: Path, root: Path, out: Path) -> bool:
    """Neither hidden nor, where `out` is a folder inside of `root`, something that we made."""
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    made = root.resolve() in out.resolve().parents and out.resolve() in path.resolve().parents
    return not hidden and not made
