"""One file, one estimate: what its header says, what its pixels say, whatever its kind."""

import numpy as np
import pytest
from PIL import Image

from sr import formats
from sr.errors import UserError
from sr.estimation import of_file, of_image
from tests import pictures

from .levels import levels, saved


def estimate(path):
    with formats.open(path) as file:
        return of_file(file)


@pytest.fixture
def written(clean, tmp_path):
    """Writes the coffee, as it is or otherwise; returns the file."""

    def written(name: str, pixels: np.ndarray | None = None, **options):
        image = Image.fromarray((clean["coffee.png"] if pixels is None else pixels).astype(np.uint8))
        image.save(tmp_path / name, **options)
        return tmp_path / name

    return written


def test_a_jpeg_file_says_its_quality_itself(written):
    found = estimate(written("a.jpg", quality=37))
    assert (found.quality, found.grid, found.by_file) == (37, (0, 0), True)
    assert estimate(written("b.jpg", quality=91, progressive=True)).quality == 91


def test_of_another_file_it_is_seen(written, clean):
    found = estimate(written("a.png", saved(clean["coffee.png"], 37)[3:, 1:]))
    assert (found.quality, found.grid, found.by_file) == (37, (7, 5), False)


def test_what_was_compressed_and_saved_finely_is_told_as_it_was(written, clean):
    """A JPEG file of quality 100 hides nothing of an earlier one of 50."""
    found = estimate(written("a.jpg", saved(clean["coffee.png"], 50), quality=100, subsampling=0))
    assert (found.quality, found.by_file) == (50, False)
    assert estimate(written("b.jpg", quality=98)).quality == 98


def test_gray_16_bits_and_transparency_are_seen_as_8_bits_of_colours(clean, tmp_path):
    noisy = levels(clean["astronaut.png"] + np.random.default_rng(0).normal(0, 9, clean["astronaut.png"].shape))
    pictures.write(tmp_path / "8.png", noisy.astype(np.uint8))
    pictures.write(tmp_path / "16.png", (noisy * 257).astype(np.uint16))
    clear = np.concatenate([noisy, np.full_like(noisy[..., :1], 255)], 2).astype(np.uint8)
    pictures.write(tmp_path / "clear.png", clear, pictures.Meta(alpha=True))
    pictures.write(tmp_path / "gray.png", noisy[..., :1].astype(np.uint8))
    of_colours, deep, clear, gray = (estimate(tmp_path / f"{name}.png") for name in ("8", "16", "clear", "gray"))
    assert of_colours.noise == pytest.approx(9, rel=0.1)
    assert (deep.noise, deep.width) == pytest.approx((of_colours.noise, of_colours.width), rel=1e-3)
    assert clear == of_colours
    assert gray.noise == pytest.approx(9, rel=0.1)


def test_coarse_noise_is_grain(clean):
    """White noise is as strong at half the size and doubled; what is as large as two pixels is stronger."""
    image, random = clean["motorcycle_left.png"], np.random.default_rng(0)
    white = of_image(levels(image + random.normal(0, 8, image.shape)) / 255)
    large = random.normal(0, 8, (-(-image.shape[0] // 2), -(-image.shape[1] // 2), 3)).repeat(2, 0).repeat(2, 1)
    coarse = of_image(levels(image + large[: image.shape[0], : image.shape[1]]) / 255)
    assert white.grain == pytest.approx(white.noise, rel=0.25)
    assert coarse.grain == pytest.approx(16, rel=0.25)
    assert coarse.noise < 4


def test_of_a_large_picture_parts_are_looked_at(kodak):
    """Four photographs side by side, four times, compressed: 3072 x 2048."""
    large = np.tile(np.concatenate([image[:512] for image in kodak[:4] if image.shape[1] == 768], 1), (4, 1, 1))
    assert max(large.shape) > 1024
    random = np.random.default_rng(0)
    compressed = saved(large, 70)[3:, 6:]
    found = of_image(compressed / 255)
    assert (found.quality, found.grid) == (70, (2, 5))
    assert of_image(levels(large + random.normal(0, 7, large.shape)) / 255).noise == pytest.approx(7, rel=0.1)


def test_what_is_no_photograph_is_refused(written, tmp_path, clean):
    tiny = written("tiny.png", clean["coffee.png"][:20, :20])
    with pytest.raises(UserError, match=r"tiny.png: 20x20 pixels say too little; 32 are needed"):
        estimate(tiny)
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti1Image(np.zeros((40, 40, 4), np.int16), np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(UserError, match=r"a.nii: a volume file holds no photograph"):
        estimate(tmp_path / "a.nii")
