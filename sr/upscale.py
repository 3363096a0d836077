"""Enlarge your own files: `python -m sr.upscale PHOTO... -o OUT`."""

import argparse
import sys
from pathlib import Path

import torch

from sr.errors import UserError, exit_status
from sr.formats import Spacing
from sr.image.range import Range
from sr.inference import jobs, labels, memory, models
from sr.inference.auto import Auto
from sr.inference.enlarger import Enlarger
from sr.inference.pixels import BACK_PROJECTIONS, MAX_SCALE, MAX_SIDE_PX, Options
from sr.inference.precision import HALVES, PRECISIONS


def main(arguments: list[str] | None = None) -> int:
    """Enlarge every file; returns the exit status: 0; 1 where one could not be enlarged; 130 interrupted."""
    options = parser().parse_args(arguments)
    if options.list:
        print(models.listing())
        print("or --model FILE: a run's folder, .safetensors, .ckpt, .pth, .onnx, .torchscript; bicubic, lanczos ...")
        return 0
    if not options.inputs or options.out is None:
        parser().error("name what to enlarge, and where to with -o OUT")
    memory.keep_freed()
    try:
        return _run(options)
    except (UserError, KeyboardInterrupt) as error:
        return exit_status(error)


def _run(options: argparse.Namespace) -> int:
    device, scale = models.choose_device(options.device), options.scale or models.DEFAULT_SCALE
    enlarger = _enlarger(options, scale, device)
    if isinstance(enlarger, Enlarger) and options.precision in HALVES and enlarger.network is None:
        raise UserError(f"--precision {options.precision}: {enlarger.name} computes as it does; leave it out")
    enlarger.progress, enlarger.precision = True, options.precision
    how = Options(
        options.scale, options.size, options.tta, BACK_PROJECTIONS if options.back_project else 0,
        options.uncertainty, options.axis,
        options.range and Range.given(*options.range), _bands(options.bands),
        options.spacing and _spacing(options.spacing), options.labels, options.nodata,
    )  # fmt: skip
    work = jobs.jobs(options.inputs, options.out, how.by(enlarger.scale))
    return 0 if jobs.run(work, enlarger, how, options.overwrite, options.dry_run) else 1


def _enlarger(options: argparse.Namespace, scale: float, device: torch.device) -> Enlarger | Auto:
    """Of one model, of two that are mixed, or what chooses one."""
    names, blend = options.model or [models.default(scale)], options.blend
    if options.denoise is not None:
        if options.model or blend is not None:
            raise UserError("--denoise mixes two bundled models itself: leave out --model and --blend")
        names, blend = models.for_denoising(scale), options.denoise
    if len(names) > 2 or (len(names) == 2) != (blend is not None):
        raise UserError(
            "--blend W mixes two models: give --model twice, and W between 0 (the first) and 1 (the second)"
        )
    if models.AUTO in names:
        if blend is not None:
            raise UserError(f"--blend W mixes two models that you name; {models.AUTO} is none")
        return Auto(scale, device, options.tile, options.halo)
    loaded = [models.load_for(name, scale, device, options.tile, options.halo) for name in names]
    return loaded[0] if blend is None else models.blend(loaded[0], loaded[1], blend)


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    p = argparse.ArgumentParser(prog="python -m sr.upscale", description=__doc__)
    kinds = "images, animations, clips, DICOM, NIfTI, GeoTIFF"
    p.add_argument("inputs", nargs="*", metavar="IN", help=f"files, folders (mirrored) or patterns: {kinds}")
    p.add_argument("-o", "--out", type=Path, help="a folder, or for one file a file")
    p.add_argument("--model", action="append", metavar="NAME",
                   help="one of --list, a run's folder, or a file of weights; auto looks at each photo and "
                        "chooses; by default fast_x<SCALE>")  # fmt: skip
    p.add_argument("--blend", type=_share, metavar="W", help="of two --model: 0 is the first, 1 the second")
    p.add_argument("--denoise", type=_share, metavar="W",
                   help="how much noise, blur and compression to take away: 0, as fast_x4, nothing; 1, as real_x4, all "
                        "that it can; between them a mixture of both")  # fmt: skip
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
    p.add_argument("--spacing", nargs="+", metavar="MM",
                   help="between the pixels of a DICOM file that does not say it: one number, or down and across; "
                        "pixels: there is none, and nothing is to be measured")  # fmt: skip
    p.add_argument("--labels", choices=labels.CHOICES, default="auto",
                   help="numbers that name something, such as classes: nearest repeats them; majority rounds edges "
                        "too, from x3 on; auto: nearest, where the file says that it holds labels")  # fmt: skip
    p.add_argument("--nodata", type=float, metavar="V",
                   help="the value of missing pixels, such as 0 around a scene that does not say so")  # fmt: skip
    p.add_argument("--precision", choices=PRECISIONS, default="auto", help="auto is fp16 on a GPU, else fp32")
    p.add_argument("--tile", type=_tile, default="auto", help="side of the tiles in input pixels, 0 for none, auto")
    p.add_argument("--halo", type=_halo, default="auto", metavar="N",
                   help="input pixels around a tile that the network is shown too; exact: all that it sees; auto: that "
                        "too up to 64 pixels, beyond what is felt, at most 1.5 times the work (and told)")  # fmt: skip
    p.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 ...")
    p.add_argument("--overwrite", action="store_true", help="make anew what is there already")
    p.add_argument("--dry-run", action="store_true", help="say what would be done")
    p.add_argument("--list", action="store_true", help="the models at hand")
    return p


def _positive(text: str) -> float:
    if not 0 < float(text) <= MAX_SCALE:
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


def _spacing(given: list[str]) -> Spacing:
    if given == ["pixels"]:
        return "pixels"
    try:
        down, across = (float(text) for text in (given * 2 if len(given) == 1 else given))
    except ValueError:
        raise UserError(f"--spacing {' '.join(given)}: one number, two (down, across), or pixels") from None
    return down, across


def _size(text: str) -> tuple[int, int]:
    width, height = (int(side) for side in text.lower().split("x"))
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX):
        raise ValueError(text)
    return width, height


def _tile(text: str) -> int | str:
    return text if text == "auto" else int(text)


def _halo(text: str) -> int | str:
    return text if text in ("auto", "exact") else int(text)


if __name__ == "__main__":
    sys.exit(main())
