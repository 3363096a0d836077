"""Look at sets before training on them: `python -m sr.data check DIR`, and `clean` for old packs."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sr.errors import UserError, exit_status


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 1 where `check` found something to mend."""
    parser = argparse.ArgumentParser(prog="python -m sr.data", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser(
        "check", help="sizes, pairs, depths, pictures that are there twice, and those that are in a test set, too"
    )
    check.add_argument("sets", nargs="+", help="folders, lists, databases, HR=LR for two folders, or names in --root")
    check.add_argument("--test", nargs="+", default=[], metavar="SET", help="must share no picture with the others")
    check.add_argument("--root", default=os.environ.get("SR_BENCHMARKS"), help="folder of the benchmark sets")
    check.add_argument("--scale", type=int, default=4)
    clean = commands.add_parser("clean", help="remove packs of decoded images that were not used for some time")
    clean.add_argument("--cache", type=Path, default=Path(os.environ.get("SR_CACHE", "~/.cache/sr")))
    clean.add_argument("--days", type=float, default=30, help="unused for so long; 0 removes all (default: 30)")
    clean.add_argument("--dry-run", action="store_true", help="tell, and remove nothing")
    given = parser.parse_args(arguments)
    try:
        if given.command == "clean":
            from .clean import clean as remove

            print(remove(given.cache.expanduser(), given.days, given.dry_run))
            return 0
        from .check import report

        lines, sound = report(given.sets, given.test, given.root, given.scale)
        print("\n".join(lines))
        return 0 if sound else 1
    except (UserError, KeyboardInterrupt) as error:
        return exit_status(error)


if __name__ == "__main__":
    sys.exit(main())
