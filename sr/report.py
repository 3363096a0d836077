"""Runs side by side on one page: `python -m sr.report RUN...|SWEEP -o report.html`."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from sr.atomic import write_text
from sr.errors import UserError, exit_status


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or serve it; returns the exit status."""
    options = parser().parse_args(arguments)
    if sum(map(bool, (options.runs, options.watch, options.records))) != 1:
        parser().error("name runs or a sweep, or serve a folder of them with --watch OUTPUTS, or --records FOLDER")
    try:
        if options.records:
            return _records(options.records)
        return _serve(options) if options.watch else _write(options)
    except UserError as error:
        return exit_status(error)


def _write(options: argparse.Namespace) -> int:
    from sr.dashboards.page import page
    from sr.dashboards.runs import find, read

    runs = read(find(options.runs))
    write_text(options.out, page(runs, options.title or _title(options.runs)))
    print(f"{options.out}: {len(runs)} run{'s' * (len(runs) != 1)}, {Path(options.out).stat().st_size / 1e6:.1f} MB")
    return 0


def _records(folder: str) -> int:
    from sr.judge.records import renew

    print(f"{folder}/README.md has a table of {renew(Path(folder))} records")
    return 0


def _title(places: Sequence[str]) -> str:
    """What the folders are called: a run is named by the folder above it, for its own name is a time."""
    names = [folder.parent.name if (folder / "config.yaml").exists() else folder.name
             for folder in (Path(place).resolve() for place in places)]  # fmt: skip
    return ", ".join(dict.fromkeys(names))


def _serve(options: argparse.Namespace) -> int:
    from sr.dashboards.watch import server

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with server([options.watch], options.title or Path(options.watch).resolve().name, options.port) as served:
        try:
            print(f"http://127.0.0.1:{served.server_port}/ shows {options.watch}; Ctrl-C ends it", flush=True)
            served.serve_forever()
        except KeyboardInterrupt:
            print(file=sys.stderr)
    return 0


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    p = argparse.ArgumentParser(prog="python -m sr.report", description=__doc__)
    p.add_argument("runs", nargs="*", metavar="RUN", help="folders of runs, of a sweep, or that hold some")
    p.add_argument("-o", "--out", default="report.html", metavar="FILE", help="the page; report.html")
    p.add_argument("--title", help="of the page; names of the folders")
    p.add_argument("--watch", metavar="OUTPUTS", help="serve the newest state of all runs in there while they go on")
    p.add_argument("--records", metavar="FOLDER", help="renew the table of kept runs in FOLDER/README.md")
    p.add_argument("--port", type=int, default=8765, help="of --watch; 8765, 0 for any that is free")
    return p


if __name__ == "__main__":
    sys.exit(main())
