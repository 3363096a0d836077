"""Look at a degradation, and find the one that your photos have: `python -m sr.degradations preview` and `estimate`."""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sr import formats
from sr.atomic import replacing
from sr.errors import UserError, exit_status, mistake
from sr.estimation import tell

from .sheet import DRAWS, sheet

OPTION = re.compile(r"[+~]{0,2}[\w.@/]+=.*|~[\w.]+")  # of the configuration


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 1 where a file could not be read."""
    commands, preview = parser()
    given, rest = commands.parse_known_args(arguments)
    try:
        if given.command == "estimate":
            if rest:
                commands.error(f"unknown: {' '.join(rest)}")
            return _estimate(given.inputs, given.json)
        words = [*given.images, *rest]
        options = [word for word in words if OPTION.fullmatch(word) and not Path(word).exists()]
        images = [Path(word) for word in words if word not in options]
        if not images or any(word.startswith("-") for word in rest):
            preview.error("name pictures, a sheet with -o, and options of the configuration such as degradation=web")
        _preview(images, given.out, given.draws, options)
        return 0
    except (UserError, KeyboardInterrupt) as error:
        return exit_status(error)


def parser() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """Of the command line, and of its first command."""
    p = argparse.ArgumentParser(prog="python -m sr.degradations", description=__doc__)
    commands = p.add_subparsers(dest="command", required=True)
    preview = commands.add_parser(
        "preview", help="a sheet of draws, with the parameters under each",
        usage="%(prog)s IMAGE... -o SHEET [--draws N] [degradation=NAME] [scale=4] [degradation.steps...=...]",
    )  # fmt: skip
    preview.add_argument("images", nargs="*", metavar="IMAGE", help="pictures in high resolution")
    preview.add_argument("-o", "--out", type=Path, required=True, metavar="SHEET", help="a picture to write: .png")
    preview.add_argument("--draws", type=_count, default=DRAWS, metavar="N", help=f"of each picture; {DRAWS}")
    estimate = commands.add_parser(
        "estimate", help="noise, JPEG, blur and halos of your photos, and the degradation to train under for them"
    )
    estimate.add_argument("inputs", nargs="+", metavar="IN", help="photos, or folders of them")
    estimate.add_argument("--json", action="store_true", help="the same as JSON")
    return p, preview


def _count(text: str) -> int:
    if not 0 < int(text) <= 256:
        raise ValueError(text)
    return int(text)


def _preview(images: Sequence[Path], out: Path, draws: int, options: Sequence[str]) -> None:
    if formats.kind_of(out) != "picture":
        raise UserError(f"-o {out}: the sheet is a picture; name a .png")
    config = _composed(options)
    degradation = _built(config.degradation)
    drawn = sheet([(path.name, _hr(path)) for path in images], degradation, config.scale, draws)
    with replacing(out) as temporary:
        drawn.save(temporary, format="PNG" if out.suffix.lower() == ".png" else None)
    print(out)


def _composed(options: Sequence[str]) -> Any:
    """The configuration of `sr.evaluate` with these options; bicubic where they name no degradation."""
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from sr.config import CONF, EvaluateConfig, register, validate

    register()
    try:
        with initialize_config_dir(CONF, version_base="1.3"):
            config = compose("evaluate", overrides=["degradation=bicubic", *options])
        validate(config, EvaluateConfig)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(mistake(error)) from error
    return config


def _built(config: Any) -> Any:
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    try:
        return instantiate(config)
    except InstantiationException as error:
        raise UserError(mistake(error)) from error


def _hr(path: Path) -> torch.Tensor:
    """1 C H W in [0, 1], without transparency."""
    with formats.open(path) as file:
        if file.layout != "frames":
            raise UserError(f"{path}: pictures are shown, and no {file.kind} file")
        image = file.range.to_unit(next(iter(file.frames())))
        image = image[..., :-1] if file.alpha else image
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].clamp(0, 1)


def _estimate(inputs: Sequence[str], as_json: bool) -> int:
    found, faults = tell.estimates(inputs)
    if found:
        print(json.dumps(tell.record(found), indent=2) if as_json else tell.table(found))
    for fault in faults:
        print(f"failed: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
