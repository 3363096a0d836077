"""Runs of seconds, for the real commands."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ..place import offer, place
from ..ready import Started

__all__ = ["offer", "place"]

ROOT = Path(__file__).resolve().parents[2]
SMALL = [
    "generator.width=4", "generator.blocks=1", "discriminator.width=4", "discriminator.growth=[1,2]",
    "discriminator.strides=[2,1]",
    "data.crop_px=32", "data.batch_size=4", "data.workers=0", "steps.pixel=4", "steps.ramp=2", "steps.adversarial=4",
    "trainer.accelerator=cpu", "trainer.devices=1", "test=[]", "logger=csv", "system.log_every_steps=2",
]  # fmt: skip


@pytest.fixture(scope="session")
def small_photos(tmp_path_factory) -> Path:
    """Eight crops of a photograph, of different sizes."""
    from sr.data.photos import folder

    target = tmp_path_factory.mktemp("photos")
    with Image.open(folder() / "astronaut.png") as image:
        for i in range(8):
            image.crop((40 * i, 30 * i, 40 * i + 64 + 4 * i, 30 * i + 72)).save(target / f"{i}.png")
    return target


@pytest.fixture
def browser() -> Iterator[Any]:
    """An installed Chromium, driven by playwright; without one the test is skipped."""
    sync = pytest.importorskip("playwright.sync_api")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium is installed")
    with sync.sync_playwright() as playwright:
        sandbox = [] if os.geteuid() else ["--no-sandbox"]
        started = playwright.chromium.launch(executable_path=chromium, args=sandbox)
        yield started
        started.close()


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    return os.environ | {"SR_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT), "WANDB_MODE": "offline"}


@pytest.fixture
def start(tmp_path, small_photos, environment) -> Callable[..., Started]:
    """Starts `python -m sr.train ...` in a folder of its own, on small images; returns the process."""

    def start(*arguments: str, experiment: str = "srgan", small: Sequence[str] = SMALL) -> Started:
        options = [a for a in arguments if a.startswith("-")]  # which Hydra wants first
        command = ["sr.train", *options, f"experiment={experiment}", *small, "data=folder",
                   f"data.root={small_photos}", "data.held_out_images=3",
                   *(a for a in arguments if a not in options)]  # fmt: skip
        return Started(command, tmp_path, environment)

    return start


@pytest.fixture
def train(start) -> Callable[..., str]:
    """Runs it to its end and returns what it printed."""

    def train(*arguments: str, status: int = 0, **options: Any) -> str:
        process = start(*arguments, **options)
        output = "".join(process.communicate())
        assert process.returncode == status, output
        return output

    return train
