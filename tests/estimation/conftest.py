"""Photographs without a history: shrunk to half, which takes away what was done to them."""

import numpy as np
import pytest
import torch

from sr.data import photos
from sr.image.resize import imresize_uint8
from tests import pictures


@pytest.fixture(scope="session")
def clean() -> dict[str, np.ndarray]:
    """Name -> H W 3, whole levels as float32."""
    made = {}
    for name in ("astronaut.png", "coffee.png", "motorcycle_left.png", "rocket.jpg"):
        pixels = torch.from_numpy(pictures.read(photos.folder() / name).copy()).permute(2, 0, 1)
        made[name] = imresize_uint8(pixels, 1 / 2).permute(1, 2, 0).numpy().astype(np.float32)
    return made


@pytest.fixture(scope="session")
def kodak(benchmarks) -> list[np.ndarray]:
    """Lossless photographs, H W 3; every third of them."""
    files = sorted((benchmarks.parent / "valid").glob("*.png"))[::3]
    if not files:
        pytest.skip(f"no photographs in {benchmarks.parent / 'valid'}")
    return [pictures.read(file).astype(np.float32) for file in files]
