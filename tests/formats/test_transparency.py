"""Colours that nobody sees reach none that is seen, and what is transparent stays so; read back by Pillow."""

import struct

import numpy as np
import pytest
import torch
from PIL import Image

from sr.formats.nodata import VISIBLE, without_hidden_colours
from sr.generators import Compact
from sr.image.range import Range
from sr.inference import models
from sr.inference.files import enlarge_file
from sr.inference.models import load
from sr.inference.pixels import Options, enlarge
from sr.inference.windows import enlarge_windows

from .picture import raw

RED, WHITE = (200, 30, 20), (255, 255, 255)


def disc(colour, hidden, soft=True, size=40) -> np.ndarray:
    """A disc of one colour over another that is not seen, its edge soft or hard."""
    y, x = np.mgrid[:size, :size] - size / 2 + 0.5
    alpha = ((size / 3 - np.hypot(y, x)) * (60 if soft else 1000)).clip(0, 255).astype(np.uint8)
    return np.where(alpha[..., None] > 0, [*colour, 0], [*hidden, 0]).astype(np.uint8) + [0, 0, 0, 1] * alpha[..., None]


def square(colour, hidden, size=40) -> np.ndarray:
    rgba = np.full((size, size, 4), (*hidden, 0), np.uint8)
    rgba[10:30, 10:30] = (*colour, 255)
    return rgba


SHAPES = [(disc, RED, (0, 0, 0)), (disc, RED, WHITE), (disc, RED, (0, 255, 0)), (square, WHITE, (0, 0, 0))]


def far_off(rgba: np.ndarray, colour) -> int:
    """By how much what is seen of it, over black and over white, is off a shape of one colour."""
    alpha = rgba[..., 3:] / 255
    return int(np.abs((rgba[..., :3] - np.array(colour)) * alpha).max())


@pytest.fixture(scope="module")
def enlargers():
    torch.manual_seed(0)
    network = Compact(scale=2, width=8, depth=2).eval()
    made = models.of_generator("untrained", network, 2, 3, torch.device("cpu"))
    return {"bicubic": load("bicubic", 2), "network": made}


@pytest.mark.parametrize(("shape", "colour", "hidden"), SHAPES)
@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".gif", "frames.gif", "frames.webp", "frames.png"])
def test_hidden_colours_are_not_seen(tmp_path, enlargers, shape, colour, hidden, suffix):
    image = Image.fromarray(shape(colour, hidden).astype(np.uint8))
    more = {".webp": {"lossless": True, "exact": True}, ".gif": {"disposal": 2}}.get(suffix[-5:].lstrip("s"), {})
    if suffix.startswith("frames"):
        more |= {"save_all": True, "append_images": [image.rotate(10)], "duration": 50}
    image.save(tmp_path / f"a{suffix}", **more)
    enlarge_file(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}", enlargers["bicubic"], Options())
    with Image.open(tmp_path / f"b{suffix}") as made:
        for number in range(getattr(made, "n_frames", 1)):
            made.seek(number)
            assert far_off(np.asarray(made.convert("RGBA")), colour) <= (3 if suffix.endswith("gif") else 1)


@pytest.mark.parametrize("channels", [2, 4])
def test_what_is_seen_does_not_depend_on_what_is_hidden(enlargers, face, channels):
    pixels = face.permute(1, 2, 0).numpy()[:48, :64, : channels - 1]
    alpha = np.zeros((48, 64, 1), np.uint8)
    alpha[8:30, 10:40], alpha[12:20, 45:60] = 255, 120
    made = []
    for hidden in (0, 255, np.random.default_rng(0).integers(0, 256, pixels.shape)):
        rgba = np.concatenate([np.where(alpha > 0, pixels, hidden).astype(np.uint8), alpha], 2)
        options = Options(back_projections=2)
        made += [enlarge(enlarger, rgba, alpha=True, options=options)[0] for enlarger in enlargers.values()]
    for number in (2, 3, 4, 5):
        assert np.array_equal(made[number], made[number % 2])


def test_windows_equal_the_whole(enlargers, face, monkeypatch):
    monkeypatch.setattr("sr.inference.windows.WINDOW_PX", 64)
    rgba = np.concatenate([np.tile(face.permute(1, 2, 0).numpy(), (2, 2, 1)), np.zeros((256, 256, 1), np.uint8)], 2)
    rgba[60:140, 50:190, 3] = 255
    whole, _ = enlarge(enlargers["network"], rgba, alpha=True)
    made = np.zeros_like(whole)

    def write(rows, columns, pixels):
        made[rows, columns] = pixels

    enlarge_windows(enlargers["network"], lambda rows, columns: rgba[rows, columns], write, (256, 256),
                    Range.of_type(np.dtype(np.uint8)), alpha=True)  # fmt: skip
    seen = whole[..., 3] > 0
    assert np.abs(made[seen].astype(int) - whole[seen]).max() <= 1


def test_what_is_wholly_invisible_and_what_is_wholly_visible_stay(face):
    image = torch.cat([face[None] / 255, torch.zeros(1, 1, *face.shape[1:])], 1)
    assert torch.equal(without_hidden_colours(image), image)
    image[:, 3] = VISIBLE
    assert torch.equal(without_hidden_colours(image), image)
    both = torch.cat([image, image])
    both[0, 3], both[1, 3, :, ::2] = 0, 0
    made = without_hidden_colours(both)
    assert torch.equal(made[0], both[0])
    assert torch.equal(made[1, :, :, 1::2], both[1, :, :, 1::2])
    assert not torch.equal(made[1], both[1])


# --- tRNS: one gray level or colour is transparent --------------------------------------------------------------------

KEYED = {
    "gray of 1 bit": (1, 1, 1), "gray of 2 bits": (2, 1, 2), "gray of 4 bits": (4, 1, 9), "gray of 8 bits": (8, 1, 77),
    "RGB of 8 bits": (8, 3, (9, 200, 31)), "gray of 16 bits": (16, 1, 40_000),
    "RGB of 16 bits": (16, 3, (40_000, 3, 77)),
}  # fmt: skip


def keyed(depth, channels, key, chunks=()) -> tuple[bytes, np.ndarray]:
    """A PNG in which one colour is transparent, and where that is."""
    samples = np.random.default_rng(0).integers(0, 2**depth, (12, 16, channels))
    clear = np.zeros((12, 16), bool)
    clear[2:9, 3:10] = True
    clear |= (samples == key).all(2)
    samples[clear] = key
    key = np.atleast_1d(key)
    chunks = (*chunks, (b"tRNS", struct.pack(f">{channels}H", *key)))
    return raw.png(samples[..., 0] if channels == 1 else samples, depth, chunks), clear


@pytest.mark.parametrize("kind", KEYED)
def test_a_transparent_colour_stays_transparent(tmp_path, kind):
    data, clear = keyed(*KEYED[kind])
    (tmp_path / "a.png").write_bytes(data)
    enlarge_file(tmp_path / "a.png", tmp_path / "b.png", load("nearest", 2), Options())
    depth = KEYED[kind][0]
    if depth == 16:
        import imagecodecs

        alpha = imagecodecs.png_decode((tmp_path / "b.png").read_bytes())[..., -1]
    else:
        with Image.open(tmp_path / "b.png") as made:
            alpha = np.asarray(made.getchannel("A"))
    assert np.array_equal(alpha > 0.5 * alpha.max(), ~clear.repeat(2, 0).repeat(2, 1))


def test_an_animation_with_a_transparent_colour(tmp_path):
    data, clear = keyed(8, 3, (9, 200, 31))
    images = [Image.fromarray(np.full((12, 16, 3), level, np.uint8)) for level in (40, 90)]
    (tmp_path / "key.png").write_bytes(data)
    with Image.open(tmp_path / "key.png") as first:
        first.save(tmp_path / "a.png", save_all=True, append_images=images, duration=40, transparency=(9, 200, 31))
    enlarge_file(tmp_path / "a.png", tmp_path / "b.png", load("nearest", 2), Options())
    with Image.open(tmp_path / "b.png") as made:
        alpha = np.asarray(made.convert("RGBA"))[..., 3]
    assert np.array_equal(alpha > 128, ~clear.repeat(2, 0).repeat(2, 1))
