import numpy as np
import pytest


@pytest.fixture(scope="module")
def rgb(face):
    return face.permute(1, 2, 0).numpy()[20:84, 30:78].copy()  # 64 48 3


@pytest.fixture(scope="module")
def deep(rgb):
    """16 bits in use, no two neighbouring levels alike."""
    return rgb.astype(np.uint16) * 257 ^ np.arange(48, dtype=np.uint16)[:, None]
