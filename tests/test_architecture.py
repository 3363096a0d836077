"""docs/architecture.md: every room once and on its floor, every name real."""

import importlib
import re

import pytest

from .test_imports import FLOORS, ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
PICTURE = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)[0]
QUOTED = sorted(set(re.findall(r"`([^`\n]+)`", PAGE.replace(PICTURE, ""))))
PATHS = [name for name in QUOTED if re.fullmatch(r"[\w./-]+", name) and "/" in name]
DOTTED = [name for name in QUOTED if re.fullmatch(r"sr(\.\w+)+", name)]
PASSED = sorted({f"sr.{name}" for name in re.findall(r"\b(\w+(?:\.\w+)+)", PICTURE) if not name.startswith("sr.")})
OTHER_WORDS = {"terms", "weights", "__all__", "_target_"}  # keys of configs, and Python's


def found(name: str) -> object:
    """The module, class or function of this dotted name."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            thing = getattr(thing, part)
        return thing
    raise AssertionError(f"{name}: no module")


@pytest.mark.parametrize("path", PATHS)
def test_paths_exist(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("name", [*DOTTED, *PASSED])
def test_modules_and_functions_exist(name):
    assert found(name) is not None


def test_the_page_names_things_and_all_of_it_is_checked():
    options = {name for name in QUOTED if "=" in name}
    assert len(PATHS) > 20
    assert len(PASSED) > 20
    assert set(QUOTED) - set(PATHS) - set(DOTTED) - options == OTHER_WORDS
    for option in options - {"allow=[mine]"}:
        assert (ROOT / "conf" / option.split("=")[0]).is_dir(), option


def test_the_picture_has_every_room_once_and_on_its_floor():
    drawn: list[set[str]] = []
    for line in PICTURE.splitlines()[2:]:
        if re.match(r"  \d ", line):
            drawn.append(set())
        rooms = re.match(r".{8}(\w+(?:, \w+)*)", line)
        for room in rooms[1].split(", ") if rooms else ():
            assert not any(room in floor for floor in drawn), f"{room} is drawn twice"
            drawn[-1].add(room)
    assert drawn == [floor - {"__init__", "__main__"} for floor in FLOORS]


@pytest.mark.parametrize(("left", "right"), [(25, 59), (59, None)], ids=["photo", "crop"])
def test_each_way_is_numbered_without_a_gap(left, right):
    numbers = re.findall(r"^ ?(\d+) \w", "\n".join(line[left:right] for line in PICTURE.splitlines()), re.MULTILINE)
    assert sorted(map(int, numbers)) == list(range(1, len(numbers) + 1))
    assert len(numbers) > 10
