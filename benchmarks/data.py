"""What the pack saves: crops a second from memory-mapped images, beside decoding a PNG for each crop.

    python benchmarks/data.py [--images DIR] [--crop 96] [--seconds 5]

One process each, the same images, the same crops. Without --images: scikit-image's photographs, written as PNG.
"""

import argparse
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
from PIL import Image

from sr.data import pack, photos
from sr.data.crops import Crops


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=Path)
    options.add_argument("--crop", type=int, default=96)
    options.add_argument("--seconds", type=float, default=5.0)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "png"
        root.mkdir()
        for file in pack.find(given.images) if given.images else [photos.folder() / n for n in photos.TRAINING]:
            with Image.open(file) as image:
                image.convert("RGB").save(root / f"{file.stem}.png")
        packed = pack.build(pack.find(root), root, Path(temporary), channels=3, minimum_px=given.crop)
        crops = Crops(packed, None, given.crop, scale=4, seed=0)

        def decode(n: int) -> None:
            random = np.random.default_rng(n)
            with Image.open(root / packed.names[random.integers(len(packed))]) as image:
                pixels = np.asarray(image)
            top, left = (random.integers(size - given.crop + 1) for size in pixels.shape[:2])
            np.ascontiguousarray(pixels[top : top + given.crop, left : left + given.crop].transpose(2, 0, 1))

        ours, theirs = rate(crops.__getitem__, given.seconds), rate(decode, given.seconds)
    print(f"{ours:.0f} crops/s from the pack, {theirs:.0f} crops/s decoding PNG: {ours / theirs:.0f} times")


def rate(make, seconds: float) -> float:
    """Crops a second."""
    for n in range(10):
        make(n)
    start, n = perf_counter(), 0
    while perf_counter() - start < seconds:
        make(n)
        n += 1
    return n / (perf_counter() - start)


if __name__ == "__main__":
    main()
