"""Public image sets: where they are, what their files must be, and fetching what is not there yet."""

import os
import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch
import requests
from tqdm import tqdm

from sr.errors import UserError, reason

TIMEOUT_S = 30
# Files of Set5, Set14 and BSD100: their HR images and the LR images that MATLAB made of them (the test data of Huang,
# Singh & Ahuja, CVPR 2015). Whatever a mirror sends must have the SHA-256 of registry.txt.
SELFEXSR = (
    "https://raw.githubusercontent.com/jbhuang0604/SelfExSR/master/data",
    "https://github.com/jbhuang0604/SelfExSR/raw/master/data",
    "https://cdn.jsdelivr.net/gh/jbhuang0604/SelfExSR@master/data",
)


@dataclass(frozen=True)
class Archive:
    """A set that comes in one file.

    Args:
        folder: where its images go.
        urls: of the same file.
        known_hash: SHA-256, or `md5:...` where no other is published.
    """

    folder: str
    urls: tuple[str, ...]
    known_hash: str


def _div2k(part: str, known_hash: str) -> Archive:
    file = f"DIV2K_{part}_HR.zip"
    return Archive(f"DIV2K/{part}_HR", (f"https://data.vision.ee.ethz.ch/cvl/DIV2K/{file}",
                   f"https://huggingface.co/datasets/eugenesiow/Div2k/resolve/main/{file}"), known_hash)  # fmt: skip


ARCHIVES = {
    # Checksums as TensorFlow Datasets publishes them.
    "div2k_train": _div2k("train", "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335"),
    "div2k_valid": _div2k("valid", "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc"),
    # HR images alone; the checksum is that of DeepInverse.
    "urban100": Archive(
        "Urban100",
        ("https://huggingface.co/datasets/eugenesiow/Urban100/resolve/main/data/Urban100_HR.tar.gz",),
        "md5:65d9d84a34b72c6f7ca1e26a12df1e4c",
    ),
}


def names() -> list[str]:
    """All sets that can be fetched."""
    return [*sorted({file.split("/")[0].lower() for file in registry()}), *ARCHIVES]


def fetch_set(name: str, root: Path) -> None:
    """Fetch one of `names` into a folder below `root`.

    Raises:
        UserError: a file that no place gives.
    """
    if name in ARCHIVES:
        fetch_archive(ARCHIVES[name], root)
    else:
        fetch_files({f: known for f, known in registry().items() if f.lower().startswith(f"{name}/")}, root)


def registry() -> dict[str, str]:
    """File below the folder of the sets -> its SHA-256."""
    lines = (Path(__file__).parent / "registry.txt").read_text().splitlines()
    return dict(line.split() for line in lines if not line.startswith("#"))


def fetch_files(files: dict[str, str], root: Path, bases: Sequence[str] = SELFEXSR) -> None:
    """Fetch what is not there yet, or not as it should be.

    Args:
        files: as `registry`.
        root: for them.
        bases: each a place that has all.

    Raises:
        UserError: a file that no place gives.
    """
    for file, known_hash in tqdm(files.items(), desc=next(iter(files)).split("/")[0], unit="file"):
        match = re.fullmatch(r"(\w+)/(HR|LR)_x(\d)/img_(\d+)\.png", file)
        assert match, file
        name, side, scale, number = match.groups()
        source = f"{name}/image_SRF_{scale}/img_{number}_SRF_{scale}_{side}.png"
        fetch([f"{base}/{source}" for base in bases], known_hash, root / file, bar=False)


def fetch_archive(archive: Archive, root: Path) -> None:
    """Fetch and unpack, whole or not at all; nothing where the folder is there.

    Raises:
        UserError: no place gives it, or it is not an archive.
    """
    target = root / archive.folder
    if target.is_dir():
        return
    packed = root / f".{Path(archive.urls[0]).name}"
    fetch(archive.urls, archive.known_hash, packed, bar=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    unpacked = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        if zipfile.is_zipfile(packed):
            with zipfile.ZipFile(packed) as file:
                file.extractall(unpacked)
        else:
            with tarfile.open(packed) as file:
                if not hasattr(tarfile, "data_filter"):
                    raise UserError("this Python unpacks archives unsafely; take 3.10.12, 3.11.4 or newer")
                file.extractall(unpacked, filter="data")  # which refuses paths that lead out
        inside = [path for path in unpacked.iterdir() if not path.name.startswith(("_", "."))]
        unpacked.chmod(0o755)
        (inside[0] if len(inside) == 1 and inside[0].is_dir() else unpacked).rename(target)
    except (tarfile.TarError, zipfile.BadZipFile) as error:
        raise UserError(f"{packed}: cannot be unpacked ({reason(error)})") from error
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    packed.unlink()


def fetch(urls: Sequence[str], known_hash: str, target: Path, bar: bool) -> None:
    """Fetch one file from the first place that gives it as it should be.

    A download that was cut off goes on where it stopped.

    Args:
        urls: of the same file.
        known_hash: as pooch takes it.
        target: the file.
        bar: show the bytes.

    Raises:
        UserError: what each of the places answered.
    """
    failures = []
    for url in urls:
        try:
            pooch.retrieve(url, known_hash, target.name, target.parent, downloader=_resuming(target, bar))
            return
        except (requests.RequestException, ValueError, OSError) as error:
            failures.append(f"{url} ({_why(error)})")
    raise UserError(f"{target.name} could not be had from {' nor from '.join(failures)}; fetch it elsewhere and put it "
                    f"to {target}")  # fmt: skip


def _why(error: Exception) -> str:
    inner = getattr(error.args[0], "reason", error) if error.args else error  # of requests' many layers the last
    return reason(inner).split("): ")[-1].split("`")[-1]


def _resuming(target: Path, bar: bool) -> Callable[[str, Any, Any], None]:
    """A downloader for pooch that keeps what it has in `<target>.part`."""
    part = target.with_name(f"{target.name}.part")

    def download(url: str, output_file: str, _: Any) -> None:
        have = part.stat().st_size if part.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})  # lengths of the file
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as answer:
            if answer.status_code != 416:  # nothing is left to send
                answer.raise_for_status()
                have = have if answer.status_code == 206 else 0  # a server that knows no ranges begins anew
                total = have + int(answer.headers.get("content-length", 0)) or None
                shown = tqdm(desc=target.name, total=total, initial=have, unit="B", unit_scale=True, disable=not bar)
                with open(part, "ab" if have else "wb") as file, shown:
                    for chunk in answer.iter_content(1 << 20):
                        file.write(chunk)
                        shown.update(len(chunk))
                if total and part.stat().st_size < total:
                    raise requests.ConnectionError(f"cut off after {part.stat().st_size} of {total} bytes")
        os.replace(part, output_file)

    return download
