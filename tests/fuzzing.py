"""Damaged files: each a file of the corpus with bits flipped, an end cut off, or parts swapped, as a seed says.

`python -m tests.fuzzing COUNT FIRST FOLDER` enlarges them with a small network and prints, as JSON, what went wrong:
an error that is not told as a sentence, a process that dies, more than 20 s or 2 GB, a file half-written, or a result
of a file whose own checksum says that it is damaged. A mutant is a function of its number alone.
"""

import gzip
import json
import os
import resource
import shutil
import signal
import sys
import traceback
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
import torch

from sr.errors import UserError
from sr.formats import made_name
from sr.generators import Compact
from sr.inference import files, models
from sr.inference.enlarger import Enlarger
from sr.inference.pixels import Options
from tests import corpus

HEAD = 400  # bytes in which half of the flipped bits lie: what is said there decides how all else is read
LIMIT_S, WALL_S, LIMIT_BYTES = 20, 300, 2 << 30
DEFLATE = (8, 32946)
TOO_SLOW = ("clear_", "pq.mkv")  # encoders that take a second for a clip of five frames


def mutant(number: int, folder: Path) -> tuple[Path, str]:
    """Write the mutant of this number; returns where it is, and what was done."""
    random = np.random.default_rng(number)
    kinds: dict[str, list[corpus.Sample]] = {}
    for sample in corpus.samples():
        if not any(part in sample.name for part in TOO_SLOW):
            kinds.setdefault(sample.name.split("/")[0], []).append(sample)
    of_kind = kinds[sorted(kinds)[number % len(kinds)]]
    sample = of_kind[random.integers(len(of_kind))]
    path = corpus.write(folder, (sample,))[sample.name]
    data = bytearray(path.read_bytes())
    how = ("flipped", "cut", "swapped")[random.choice(3, p=[0.6, 0.2, 0.2])]
    if how == "cut":
        del data[random.integers(len(data)) :]
    elif how == "swapped":
        length = int(random.integers(1, max(len(data) // 4, 2)))
        a, b = (int(random.integers(0, len(data) - length + 1)) for _ in range(2))
        data[a : a + length], data[b : b + length] = data[b : b + length], data[a : a + length]
    else:
        for _ in range(random.integers(1, 9)):
            at = random.integers(min(HEAD, len(data)) if random.random() < 0.5 else len(data))
            data[at] ^= 1 << int(random.integers(8))
    path.write_bytes(data)
    return path, f"{number}: {sample.name} {how}"


def is_wrong_by_checksum(path: Path) -> bool:
    """Whether the file's own checksum says that its pixels are damaged; by zlib, not by `sr`."""
    data, name = path.read_bytes(), path.name.lower()
    try:
        if name.endswith(".gz"):
            gzip.decompress(data)
        elif name.endswith(".png"):
            return not _is_whole_png(data)
        elif name.endswith((".tif", ".tiff")):
            with tifffile.TiffFile(path) as file:
                page = file.pages[0]
                for at, count in zip(page.dataoffsets, page.databytecounts, strict=True):
                    if page.compression in DEFLATE and count:
                        zlib.decompress(data[at : at + count])
    except (OSError, EOFError, zlib.error):
        return True
    except Exception:  # so damaged that it has none
        return False
    return False


def _is_whole_png(data: bytes) -> bool:
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, end = data[at + 4 : at + 8], at + 8 + length
        whole = zlib.crc32(data[at + 4 : end]) == int.from_bytes(data[end : end + 4], "big")
        if kind in (b"IHDR", b"PLTE", b"IDAT", b"tRNS") and not whole:
            return False
        at = end + 4
    return True


def verdict(path: Path, enlarger: Enlarger) -> str:
    """What is wrong with how this file is treated; empty where nothing is."""
    out = path.parent / "out"
    out.mkdir()
    target = out / made_name(path)
    try:
        said = files.enlarge_file(path, target, enlarger, Options(spacing=(1.0, 1.0)))
    except UserError as error:
        if "\n" in str(error):
            return f"more than one line: {error}"
        return f"left behind: {[p.name for p in out.iterdir()]}" if any(out.iterdir()) else ""
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
    if not target.is_file():
        return "nothing was written"
    if is_wrong_by_checksum(path) and "damaged" not in said:
        return f"enlarged, though its checksum is wrong: {said}"
    return ""


def wrong(numbers: list[int], folder: Path) -> dict[str, str]:
    """All that went wrong, by mutant; in processes of their own, of which some may die."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = Compact(scale=2, width=8, depth=2).eval()
    enlarger = models.of_generator("small", network, 2, 3, torch.device("cpu"))
    corpus.samples()  # imported once, for all children
    found, left = {}, list(numbers)
    while left:
        begun, before = "", len(left)
        for line in _in_child(left, folder, enlarger):
            what, text = line.split(" ", 1)
            if what == "begun":
                begun = text
                left.pop(0)
            elif what == "wrong":
                found[begun] = text
            else:
                begun = ""
        if begun and begun not in found:
            found[begun] = "the process died, or took too long"
        if len(left) == before:
            raise RuntimeError(f"mutant {left[0]} cannot be made")
    return found


def _in_child(numbers: list[int], folder: Path, enlarger: Enlarger) -> Iterator[str]:
    """What a forked process says, until it ends or dies."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work(numbers, folder, enlarger, writing)
    os.close(writing)
    with open(reading) as lines:
        yield from (line.rstrip("\n") for line in lines)
    _, status = os.waitpid(child, 0)
    if status:
        yield f"wrong the process ended with {os.waitstatus_to_exitcode(status)}"


def _work(numbers: list[int], folder: Path, enlarger: Enlarger, writing: int) -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    warnings.simplefilter("ignore")
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + LIMIT_BYTES, size + LIMIT_BYTES))
    files.free_bytes = lambda _: LIMIT_BYTES // 2  # a machine with little memory
    for number in numbers:
        here = folder / str(number)
        path, name = mutant(number, here)
        os.write(writing, f"begun {name}\n".encode())
        signal.setitimer(signal.ITIMER_PROF, LIMIT_S)  # which ends the process
        signal.alarm(WALL_S)
        told = " ".join(verdict(path, enlarger).split())
        os.write(writing, (f"wrong {told}\n" if told else "fine -\n").encode())
        shutil.rmtree(here)
    os._exit(0)


if __name__ == "__main__":
    count, first = int(sys.argv[1]), int(sys.argv[2])
    print(json.dumps(wrong(list(range(first, first + count)), Path(sys.argv[3])), indent=1))
