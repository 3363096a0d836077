"""Mistakes of the user, told in one sentence: what was given, what is needed, what to do."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


class UserError(ValueError):
    """Commands print its message without a traceback and end with status 1."""


class MissingError(UserError, FileNotFoundError):
    """A file, folder or download that is not there."""


def exit_status(work: Callable[[], int]) -> int:
    """That of a command which goes on where it was interrupted: what `work` returns; 1 for a mistake of the user, in
    one sentence; 130 interrupted.
    """
    try:
        return work()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from here", file=sys.stderr)
        return 130


def optional(module: str, what: str, extra: str) -> Any:
    """Import a package that an extra brings.

    Args:
        module: its name.
        what: the message up to the colon: what needs it.
        extra: of pyproject.toml.

    Raises:
        MissingError: it is not installed; how to get it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingError(f"{what}: pip install 'sr[{extra}]'") from error


def mistake(error: BaseException) -> str:
    """What the user did wrong; Hydra wraps what a constructor or an import raises, and tells too little of it."""
    cause = error.__cause__
    for told in (error, cause):
        if isinstance(told, UserError):
            return str(told)
    return str(error) if cause is None else f"{reason(error)} ({reason(cause)})"


def reason(error: BaseException) -> str:
    """What an exception says, in one line; the type where it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].endswith(":"):  # "Error(s) in loading ...:" and then the error
        return lines[1]
    return lines[0] if lines else type(error).__name__
