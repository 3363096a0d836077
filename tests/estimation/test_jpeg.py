"""Quality and grid of libjpeg's own files are found in their pixels alone."""

import io

import numpy as np
import pytest
from PIL import Image

from sr.estimation.jpeg import of_pixels, of_tables

from .levels import LUMA, levels, saved


@pytest.mark.parametrize("quality", range(2, 101, 7))
def test_tables_of_a_file_say_it(quality):
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "JPEG", quality=quality)
    assert of_tables(Image.open(file).quantization) == quality


@pytest.mark.parametrize(("quality", "left", "top"), [(30, 0, 0), (50, 3, 5), (75, 7, 0), (85, 0, 2), (92, 4, 4)])
def test_quality_and_grid_are_seen_in_the_pixels(clean, quality, left, top):
    for name, image in clean.items():
        cropped = saved(image, quality, subsampling=0 if left else 2)[top:, left:]
        found = of_pixels([cropped @ LUMA])
        assert found is not None, name
        assert abs(found.quality - quality) <= 2, name
        assert found.grid == (-left % 8, -top % 8), name


def test_parts_on_one_grid_say_the_same(clean):
    image = saved(clean["coffee.png"], 60) @ LUMA
    whole, parts = of_pixels([image]), of_pixels([image[:96], image[96:]])
    assert (whole.quality, whole.grid) == (parts.quality, parts.grid) == (60, (0, 0))


def test_what_was_not_compressed_is_not_found(clean):
    random = np.random.default_rng(0)
    for image in clean.values():
        assert of_pixels([image @ LUMA]) is None
        assert of_pixels([levels(image + random.normal(0, 8, image.shape)) @ LUMA]) is None
    assert of_pixels([np.full((64, 64), 128.0)]) is None
    assert of_pixels([np.zeros((8, 64))]) is None


def test_what_was_resized_afterwards_is_not_found_on_a_grid_of_eight(clean):
    small = Image.fromarray(saved(clean["coffee.png"], 50).astype(np.uint8)).resize(
        (233, 155), Image.Resampling.BICUBIC
    )
    assert of_pixels([np.asarray(small).astype(np.float32) @ LUMA]) is None


def test_kodak(kodak):
    """Low and high, cropped; and no compression where there was none."""
    for image in kodak[:3]:
        assert of_pixels([image @ LUMA]) is None
        for quality in (25, 95):
            found = of_pixels([saved(image, quality)[5:, 2:] @ LUMA])
            assert abs(found.quality - quality) <= 2
            assert found.grid == (6, 3)
