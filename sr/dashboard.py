"""The project's workspace and report on W&B, as code: `python -m sr.dashboard [RUN...]` prints it as JSON."""

import argparse
import os
import sys

from sr.errors import UserError, exit_status, reason


def main(arguments: list[str] | None = None) -> int:
    """Build both, and print them or put them online; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        return _build(options)
    except UserError as error:
        return exit_status(error)


def _build(options: argparse.Namespace) -> int:
    from sr.dashboards.runs import find, read
    from sr.dashboards.workspace import as_json, build

    runs = read(find(options.runs or ["outputs"]))
    entity = options.entity or os.environ.get("WANDB_ENTITY", "")
    if not options.create:
        print(as_json(*build(runs, options.project, entity)))
        return 0
    import wandb

    from sr.training.loggers import has_login

    if not has_login():
        raise UserError("--create: W&B knows no login here; call `wandb login` first, or set WANDB_API_KEY")
    try:
        entity = entity or str(wandb.Api().default_entity)
        for made in build(runs, options.project, entity):
            made.save()
            print(made.url)
    except (wandb.errors.Error, OSError, ValueError) as error:
        raise UserError(f"--create: W&B does not take it: {reason(error)}") from error
    return 0


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    p = argparse.ArgumentParser(prog="python -m sr.dashboard", description=__doc__)
    p.add_argument("runs", nargs="*", metavar="RUN", help="whose curves it shall show: runs, sweeps, folders; outputs")
    p.add_argument("--project", default="sr", help="on W&B; sr, as in conf/logger/wandb.yaml")
    p.add_argument("--entity", help="the user or team; that of the login")
    p.add_argument("--create", action="store_true", help="put it online, which needs a login")
    return p


if __name__ == "__main__":
    sys.exit(main())
