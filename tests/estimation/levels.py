"""From what a test computes to what a picture can hold."""

import io

import numpy as np
from PIL import Image

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def levels(pixels: np.ndarray) -> np.ndarray:
    return pixels.round().clip(0, 255).astype(np.float32)


def saved(pixels: np.ndarray, quality: int, subsampling: int = 2) -> np.ndarray:
    """Through libjpeg and back."""
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(file)).astype(np.float32)
