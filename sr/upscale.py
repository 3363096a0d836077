"""Enlarge your own files: `python -m sr.upscale PHOTO... -o OUT`."""

import argparse
import glob
import re
import sys
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import torch
from tqdm import tqdm

from sr import formats
from sr.atomic import sweep
from sr.errors import UserError, reason
from sr.image.range import Range
from sr.inference import files, memory, models, pixels
from sr.inference.enlarger import Enlarger
from sr.inference.interpolate import INTERPOLATIONS
from sr.inference.precision import HALVES, PRECISIONS
from sr.weights import store as weights

DEFAULT_SCALE = 4


@dataclass
class Job:
    """One file.

    Args:
        source, target: to read and to write.
    """

    source: Path
    target: Path


def main(arguments: list[str] | None = None) -> int:
    """Enlarge every file; returns the exit status: 0; 1 where one could not be enlarged; 130 interrupted."""
    options = parser().parse_args(arguments)
    if options.list:
        print(listing())
        return 0
    if not options.inputs or options.out is None:
        parser().error("name what to enlarge, and where to with -o OUT")
    memory.keep_freed()
    try:
        return _run(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from here", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    device, scale = models.choose_device(options.device), options.scale or DEFAULT_SCALE
    enlarger = _enlarger(options.model or [_default(scale)], options.blend, ceil(scale), device, options.tile)
    if options.precision in HALVES and enlarger.network is None:
        raise UserError(f"--precision {options.precision}: {enlarger.name} computes as it does; leave it out")
    enlarger.progress, enlarger.precision = True, options.precision
    how = pixels.Options(
        options.scale, options.size, options.tta, 10 * options.back_project, options.uncertainty, options.axis,
        options.range and Range.given(*options.range), _bands(options.bands),
    )  # fmt: skip
    by = "{}x{}".format(*options.size) if options.size else f"x{options.scale or enlarger.scale:g}"
    work = jobs(options.inputs, options.out, by)
    for folder in {job.target.parent for job in work} if not options.dry_run else ():
        sweep(folder)
    failed, there = [], 0
    for job in tqdm(work, unit="file", disable=len(work) < 2 or options.dry_run):
        try:
            if job.target.resolve() == job.source.resolve() and not options.overwrite:
                raise UserError(f"{job.source}: would be overwritten; name another place, or --overwrite")
            if job.target.exists() and not options.overwrite:
                if options.uncertainty and not files.maps(job.target):
                    raise UserError(f"{job.target}: is there, but no map of it; --overwrite makes both")
                there += 1
                continue
            if options.dry_run:
                print(f"{job.source} -> {job.target}")
                continue
            note = files.enlarge_file(job.source, job.target, enlarger, how, options.overwrite)
            tqdm.write(f"{job.target}{': ' if note else ''}{note}")
        except Exception as error:  # MemoryError too: one file must not cost the others
            why = reason(error)
            failed.append(why if str(job.source) in why else f"{job.source}: {why}")
    if there:
        print(f"{there} of {len(work)} were there already (--overwrite makes them anew)")
    for why in failed:
        print(f"failed: {why}", file=sys.stderr)
    return 1 if failed else 0


def _enlarger(names: list[str], blend: float | None, scale: int, device: torch.device, tile: int | str) -> Enlarger:
    """Of one model, or of two that are mixed."""
    if len(names) > 2 or (len(names) == 2) != (blend is not None):
        raise UserError(
            "--blend W mixes two models: give --model twice, and W between 0 (the first) and 1 (the second)"
        )
    loaded = [models.load(name, scale if name in INTERPOLATIONS else None, device, tile) for name in names]
    return loaded[0] if blend is None else models.blend(loaded[0], loaded[1], blend)


def jobs(inputs: list[str], out: Path, by: str) -> list[Job]:
    """What to do: a file becomes `out/<name>_x4.<suffix>`, or `out` itself where that names one; a folder is mirrored.

    Args:
        inputs: files, folders, patterns.
        out: a folder, or for one file a file.
        by: x4 or the like, for the names.

    Raises:
        UserError: nothing to do, or two files for one place.
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
    targets: dict[Path, Path] = {}
    for job in found:
        other = targets.setdefault(job.target, job.source)
        if other != job.source:
            raise UserError(f"{other} and {job.source} would both become {job.target}; enlarge them one by one")
    return found


def listing() -> str:
    """The models that come with the package, a line each."""
    lines = []
    for name, file in weights.bundled().items():
        generator, about = weights.load(file)
        count = sum(p.numel() for p in generator.parameters()) / 1e6
        size = f"x{about['scale']}, {about['channels']} channels, {count:.2f} M parameters"
        lines.append(f"{name}\t{size}\t{about.get('summary', '')}")
    return "\n".join(
        [*lines, "or --model FILE: a run's folder, .safetensors, .ckpt, .pth, .onnx; bicubic, lanczos ..."]
    )


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    p = argparse.ArgumentParser(prog="python -m sr.upscale", description=__doc__)
    kinds = "images, animations, clips, DICOM, NIfTI, GeoTIFF"
    p.add_argument("inputs", nargs="*", metavar="IN", help=f"files, folders (mirrored) or patterns: {kinds}")
    p.add_argument("-o", "--out", type=Path, help="a folder, or for one file a file")
    p.add_argument("--model", action="append", metavar="NAME",
                   help="one of --list, a run's folder, or a file of weights; fast_x<SCALE>")  # fmt: skip
    p.add_argument("--blend", type=_share, metavar="W", help="of two --model: 0 is the first, 1 the second")
    large = p.add_mutually_exclusive_group()
    between = "any number; what the model does not make is resized; by default that of the model"
    large.add_argument("--scale", type=_positive, metavar="X", help=between)
    large.add_argument("--size", type=_size, metavar="WxH", help="fit into these pixels instead, the shape kept")
    p.add_argument(
        "--tta", action="store_true", help="mean over flips and quarter turns: a little better, 8 times slower"
    )
    p.add_argument("--back-project", action="store_true", help="lock colours and brightness to the input")
    map_of = "what flips and turns disagree on or the input contradicts; white: a tenth of the range"
    p.add_argument("--uncertainty", action="store_true", help=f"write NAME.png.invented.png too: {map_of}")
    p.add_argument("--axis", choices=("auto", "x", "y", "z", "all"), default="auto",
                   help="of volumes: slices along it; all: along all three, and more slices too")  # fmt: skip
    p.add_argument("--range", type=float, nargs=2, metavar=("LOW", "HIGH"),
                   help="values, in the unit of the file, that the network sees as black and white; what lies outside "
                        "is enlarged bicubically; by default those of the type, or measured (and told)")  # fmt: skip
    p.add_argument("--bands", type=int, nargs=3, metavar=("R", "G", "B"),
                   help="the bands, from 0 on, that are red, green and blue, where the file does not say")  # fmt: skip
    p.add_argument("--precision", choices=PRECISIONS, default="auto", help="auto is fp16 on a GPU, else fp32")
    p.add_argument("--tile", type=_tile, default="auto", help="side of the tiles in input pixels, 0 for none, auto")
    p.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 ...")
    p.add_argument("--overwrite", action="store_true", help="make anew what is there already")
    p.add_argument("--dry-run", action="store_true", help="say what would be done")
    p.add_argument("--list", action="store_true", help="the models at hand")
    return p


def _default(scale: float) -> str:
    """The quick model of the next scale; what lies between is resized."""
    scales = {int(name.removeprefix("fast_x")): name for name in weights.bundled() if name.startswith("fast_x")}
    return scales[min((s for s in scales if s >= scale), default=max(scales))]


def _positive(text: str) -> float:
    if not 0 < float(text) <= 64:
        raise ValueError(text)
    return float(text)


def _share(text: str) -> float:
    if not 0 <= float(text) <= 1:
        raise ValueError(text)
    return float(text)


def _bands(given: list[int] | None) -> tuple[int, int, int] | None:
    if given is None:
        return None
    if min(given) < 0 or len(set(given)) < 3:
        raise UserError(f"--bands {' '.join(map(str, given))}: three different numbers from 0 on are needed")
    return given[0], given[1], given[2]


def _size(text: str) -> tuple[int, int]:
    width, height = (int(side) for side in text.lower().split("x"))
    if not (0 < width <= 1 << 16 and 0 < height <= 1 << 16):
        raise ValueError(text)
    return width, height


def _tile(text: str) -> int | str:
    return text if text == "auto" else int(text)


def _is_pattern(text: str) -> bool:
    return glob.has_magic(text) and not Path(text).exists()


def _visible(path: Path, root: Path, out: Path) -> bool:
    """Neither hidden nor, where `out` is a folder inside of `root`, something that we made."""
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    made = root.resolve() in out.resolve().parents and out.resolve() in path.resolve().parents
    return not hidden and not made


if __name__ == "__main__":
    sys.exit(main())
