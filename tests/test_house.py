"""The house: files of one idea each, and nothing written twice."""

import re
from pathlib import Path
from statistics import median

from .test_imports import FILES, ROOT, room_of

LONGEST, MEDIAN, EQUAL = 300, 120, 6
LONGER: dict[str, str] = {}  # file -> why it may be longer


def lines_of(file: Path) -> int:
    return len(file.read_text().splitlines())


def test_no_file_is_long():
    long = {str(file.relative_to(ROOT)) for file in FILES if lines_of(file) > LONGEST}
    assert long == set(LONGER), "split it, or name it in LONGER with the reason; and take out what is no longer long"


def test_files_have_one_idea_each():
    assert median(map(lines_of, FILES)) < MEDIAN


def repeated(files: dict[str, tuple[str, str]]) -> list[str]:
    """Where EQUAL consecutive lines, imports and blank ones left out, stand in two rooms.

    Args:
        files: name -> its room and text.
    """
    seen: dict[tuple[str, ...], tuple[str, str]] = {}
    places = []
    for name, (room, text) in files.items():
        code = [line.strip() for line in text.splitlines()]
        code = [line for line in code if line and not line.startswith(("import ", "from "))]
        for i in range(len(code) - EQUAL + 1):
            first = seen.setdefault(tuple(code[i : i + EQUAL]), (room, name))
            if first[0] != room:
                places.append(f"{first[1]} and {name}: {code[i]}")
    return places


def test_no_two_rooms_have_the_same_lines():
    assert repeated({str(file): (room_of(file), file.read_text()) for file in FILES}) == []


def test_the_same_lines_would_be_found():
    six = "".join(f"x = {i}\n\n" for i in range(EQUAL))
    copied = {"a": ("one", f"import os\n{six}"), "b": ("two", f"def f():\n    y = 1\n{six}"), "c": ("two", "x = 0")}
    assert repeated(copied) == ["a and b: x = 0"]
    assert repeated(copied | {"b": ("one", six)}) == []


def test_what_is_set_up_for_the_tests_has_every_extra():
    """Or the tests of the one left out are skipped, unseen."""
    text = (ROOT / "pyproject.toml").read_text().split("[project.optional-dependencies]")[1].split("\n[")[0]
    extras = set(re.findall(r"^(\w+) = \[", text, re.MULTILINE)) - {"all", "dev"}
    of_all = re.search(r'^all = \["sr\[(.*)\]"\]', text, re.MULTILINE)
    assert of_all
    assert set(of_all[1].split(",")) == extras
