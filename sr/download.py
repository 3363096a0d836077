"""Fetch public image sets: `python -m sr.download set5 set14 bsd100`."""

import argparse
import os
import sys
from pathlib import Path

import pooch

from sr.data import public
from sr.errors import UserError, exit_status


def main(arguments: list[str] | None = None) -> int:
    """Fetch what is named; returns the exit status."""
    p = argparse.ArgumentParser(prog="python -m sr.download", description=__doc__)
    p.add_argument("names", nargs="+", metavar="NAME", help=", ".join(public.names()))
    p.add_argument("--to", type=Path, default=os.environ.get("SR_BENCHMARKS", "data"),
                   help="folder of the sets (SR_BENCHMARKS, or ./data)")  # fmt: skip
    options = p.parse_args(arguments)
    pooch.get_logger().setLevel("WARNING")
    try:
        return _fetch(options.names, options.to)
    except (UserError, KeyboardInterrupt) as error:
        return exit_status(error)


def _fetch(names: list[str], root: Path) -> int:
    known = public.names()
    for name in names:  # all of them before anything is fetched
        if name.lower() not in known:
            raise UserError(f"{name}: unknown; {', '.join(known)} are known")
    for name in names:
        public.fetch_set(name.lower(), root)
    print(f"{root} is complete; tell the other commands with: export SR_BENCHMARKS={root.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
