"""Fetch public image sets: `python -m sr.download set5 set14 bsd100`."""

import argparse
import os
import sys
from pathlib import Path

import pooch

from sr.data import public
from sr.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Fetch what is named; returns the exit status."""
    names = public.names()
    p = argparse.ArgumentParser(prog="python -m sr.download", description=__doc__)
    p.add_argument("names", nargs="+", metavar="NAME", help=", ".join(names))
    p.add_argument("--to", type=Path, default=os.environ.get("SR_BENCHMARKS", "data"),
                   help="folder of the sets (SR_BENCHMARKS, or ./data)")  # fmt: skip
    options = p.parse_args(arguments)
    pooch.get_logger().setLevel("WARNING")
    try:
        for name in options.names:  # all of them before anything is fetched
            if name.lower() not in names:
                raise UserError(f"{name}: unknown; {', '.join(names)} are known")
        for name in options.names:
            public.fetch_set(name.lower(), options.to)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from here", file=sys.stderr)
        return 130
    print(f"{options.to} is complete; tell the other commands with: export SR_BENCHMARKS={options.to.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
