"""What is told of a set while it is opened: on stderr, by the first process, many alike in one line."""

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path


def say(line: str) -> None:
    """One line, unless this process is only one more of a run."""
    if os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0":
        print(line, file=sys.stderr)


def say_skipped(reasons: Iterable[str]) -> None:
    """Each image that is left out and why, `path: why`; those left out for one reason share a line.

    Args:
        reasons: where they differ in nothing but the path and numbers, the first stands for all.
    """
    alike: dict[str, list[str]] = {}
    for reason in reasons:
        alike.setdefault(re.sub(r"\d+", "0", reason.partition(": ")[2]), []).append(reason)
    for first, *others in alike.values():
        say(f"skipped {first}" + (f"; and {len(others)} more for such a reason" if others else ""))


def some(paths: Iterable[str | Path], count: int = 3) -> str:
    """The first of some paths, and how many there are beside them."""
    listed = [str(path) for path in paths]
    more = f" and {len(listed) - count} more" if len(listed) > count else ""
    return ", ".join(listed[:count]) + more
