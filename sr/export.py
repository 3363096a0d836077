"""Take a network elsewhere: `python -m sr.export WEIGHTS --to onnx`, with a report of how equal it is."""

import argparse
import json
import sys
from pathlib import Path

from sr.atomic import write_text
from sr.errors import UserError
from sr.weights import community
from sr.weights import store as weights
from sr.weights.export import OPSET, SUFFIX, export, table


def main(arguments: list[str] | None = None) -> int:
    """Export and compare; returns the exit status: 1 where the result is not equal."""
    options = parser().parse_args(arguments)
    try:
        file = weights.find(options.weights)
        generator, about = weights.load(file) if weights.is_for_load(file) else community.as_generator(file)
        target = options.out or Path(f"{file.stem}{SUFFIX[options.to]}")
        if options.to == "ncnn" and target.suffix != ".param":
            raise UserError(f"{target}: ncnn has two files, NAME.param and NAME.bin; give -o NAME.param")
        for file in (target, *([target.with_suffix(".bin")] if options.to == "ncnn" else [])):
            if file.exists() and not options.overwrite:
                raise UserError(f"{file} exists; --overwrite makes it anew")
        told = export(generator, about, options.to, target, options.half, options.opset)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_text(target.with_name(f"{target.name}.json"), json.dumps(told, indent=1) + "\n")
    print(table(told))
    more = ["takes one image at a time"] if told["images"] == "one" else []
    more += [told["opens"]] if "opens" in told else []
    print("; ".join([f"{target}", f"the report is {target}.json", *more]))
    if not told["equal"]:
        print(f"error: {target} differs by more than {told['tolerance']}; do not use it", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    p = argparse.ArgumentParser(prog="python -m sr.export", description=__doc__)
    p.add_argument("weights", help="a .safetensors, .ckpt or .pth, the folder of a run, or a bundled model")
    p.add_argument("--to", required=True, choices=sorted(SUFFIX))
    p.add_argument("-o", "--out", type=Path, help="the file (here, named after the weights)")
    p.add_argument("--half", action="store_true", help="in half precision")
    p.add_argument("--opset", type=int, default=OPSET, help=f"of ONNX ({OPSET})")
    p.add_argument("--overwrite", action="store_true", help="make anew what is there already")
    return p


if __name__ == "__main__":
    sys.exit(main())
