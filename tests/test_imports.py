"""The house: imports run downwards only, rooms of one floor never import each other."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = [
    {"__init__", "__main__", "train", "evaluate", "upscale", "export", "app", "download", "report", "dashboard"},
    {"training", "dashboards"},
    {"judge"},
    {"inference", "data", "config"},
    {"weights", "sweep", "estimation"},
    {"generators", "discriminators", "losses", "degradations", "metrics", "formats"},
    {"backbones"},
    {"image", "limits", "job", "habits"},
    {"errors", "atomic"},
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted((ROOT / "sr").rglob("*.py"))


def room_of(file: Path) -> str:
    """A `__main__` is a command, on the top floor, whichever folder its name comes from."""
    if file.name == "__main__.py":
        return "__main__"
    return file.relative_to(ROOT / "sr").parts[0].removesuffix(".py")


def imported_rooms(file: Path) -> set[str]:
    names: set[str] = set()
    package = ["sr", *file.relative_to(ROOT / "sr").parts[:-1]]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return {parts[1] for parts in (name.split(".") for name in names) if parts[0] == "sr" and len(parts) > 1}


def test_every_file_has_a_floor():
    rooms = {room_of(file) for file in FILES}
    assert rooms == set(FLOOR)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_run_downwards(file):
    room = room_of(file)
    for other in imported_rooms(file) - {room, "__version__"}:
        assert other in FLOOR, f"{file} imports sr.{other}, which has no floor"
        assert FLOOR[other] > FLOOR[room], f"{file} imports sr.{other}, which is not below it"


def test_nothing_reaches_out_of_the_package():
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert not {name.split(".")[0] for name in names} & {"conf", "experiments", "tests", "benchmarks"}, file


def test_upscale_starts_without_the_training_stack():
    code = "import sys, sr.upscale; print(sorted({'hydra', 'pytorch_lightning', 'wandb'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip() == "[]"


def test_the_door_for_python_opens_without_torch():
    code = (
        "import sys, sr; assert sr.__all__ == ['enlarge', 'load']; print({'torch', 'numpy', 'PIL'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip() == "set()"


def test_types_are_told_to_those_who_import_it():
    assert (ROOT / "sr" / "py.typed").is_file()
