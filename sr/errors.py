"""Mistakes of the user, each told in one sentence: what was given, what is needed, what to do."""

import errno
import sys
from importlib import import_module
from typing import Any

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class UserError(ValueError):
    """A mistake of the user: commands print its message without a traceback and end with status 1."""


class MissingError(UserError, FileNotFoundError):
    """A file, folder or download that is not there."""


def exit_status(ended_by: UserError | KeyboardInterrupt) -> int:
    """Say why a command ended early; returns its exit status: 1 for a mistake of the user, 130 for Ctrl-C.

    For commands that go on where they were interrupted.
    """
    if isinstance(ended_by, UserError):
        print(f"error: {ended_by}", file=sys.stderr)
        return 1
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
    """The message for the user; Hydra wraps what a constructor or an import raises, which is then the cause."""
    cause = error.__cause__
    for told in (error, cause):
        if isinstance(told, UserError):
            return str(told)
    return str(error) if cause is None else f"{reason(error)} ({reason(cause)})"


def is_full(error: BaseException) -> bool:
    """Whether it, or what it wraps, says that a disk is full, or one's share of it."""
    return any(isinstance(told, OSError) and told.errno in FULL for told in (error, error.__cause__))


def reason(error: BaseException) -> str:
    """The message of an exception in one line; its type where it has none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].endswith(":"):  # "Error(s) in loading ...:" and then the error
        return lines[1]
    return lines[0] if lines else type(error).__name__
