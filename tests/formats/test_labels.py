"""Labels keep their values: where the file says so, or the user does; where it only looks so, that is told."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin

import sr
from sr import formats
from sr.data.pack import frames_of
from sr.errors import UserError
from sr.formats.labels import FEW, distinct, said_by
from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

NEAREST, MAJORITY = Options(labels="nearest"), Options(scale=4, labels="majority")
CLASSES = np.kron(np.random.default_rng(0).integers(0, 4, (6, 7)), np.ones((5, 5), int)).astype(np.uint8)
PALETTE = [10, 20, 30, 40, 50, 60, 1, 2, 3, 200, 1, 1]
TOLD = "only 4 different numbers: if they are labels, --labels nearest keeps them"


def twice(pixels):
    return pixels.repeat(2, 0).repeat(2, 1)


def indexed():
    image = Image.fromarray(CLASSES)
    image.putpalette(PALETTE)
    return image


@pytest.mark.parametrize(("name", "says"), [
    ("sub-01_dseg", True), ("SUB_DSEG", True), ("dseg", True), ("sub-01_dseg_x4", True), ("a_dseg_1920x1080", True),
    ("xdseg", False), ("sub_dseg_old", False), ("sub-01_T1w", False), ("a_probseg", False)])  # fmt: skip
def test_names_that_say_so(name, says):
    assert bool(said_by(name)) == says


def test_what_looks_like_labels():
    assert distinct([CLASSES[..., None]]) == 4
    assert distinct([CLASSES[..., None].astype(np.float32) * 1000]) == 4
    assert distinct([CLASSES[:, :5, None], CLASSES[:, 5:, None]]) == 4
    bands = np.stack([np.arange(CLASSES.size).reshape(CLASSES.shape), CLASSES], -1)
    assert distinct([bands]) == 4  # quality bits behind measured bands
    holes = np.where(CLASSES == 1, np.nan, CLASSES)[..., None]
    assert distinct([holes]) == 3


def test_what_does_not():
    random = np.random.default_rng(0)
    ramp = np.repeat(np.arange(FEW + 1), 8)[None, :, None].repeat(8, 0)
    halves = CLASSES[..., None] + 0.5
    noise = random.integers(0, 8, (40, 50, 1))
    for pixels in (ramp, halves, noise, np.zeros((8, 8, 1), np.uint8), np.full((8, 8, 1), np.nan)):
        assert distinct([pixels]) == 0
    parts = iter([ramp, noise])
    assert distinct(parts) == 0
    assert next(parts) is noise  # which was not read


def enlarged(tmp_path, name, bicubic, options=NEAREST, target="made_{}"):
    target = tmp_path / target.format(name)
    return target, enlarge_file(tmp_path / name, target, bicubic, options)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_a_palette_and_its_indices(tmp_path, bicubic, suffix):
    indexed().save(tmp_path / f"a{suffix}")
    assert TOLD in enlarged(tmp_path, f"a{suffix}", bicubic, Options())[1]
    with Image.open(enlarged(tmp_path, f"a{suffix}", bicubic)[0]) as made:
        assert made.mode == "P"
        assert made.getpalette()[:12] == PALETTE
        assert np.array_equal(made, twice(CLASSES))
    with Image.open(enlarged(tmp_path, f"a{suffix}", bicubic, MAJORITY)[0]) as made:
        assert made.mode == "P"
        assert set(np.unique(made)) == {0, 1, 2, 3}


def test_what_a_png_says_besides_its_palette(tmp_path, bicubic):
    text = PngImagePlugin.PngInfo()
    text.add_text("Description", "land cover")
    text.add(b"cICP", struct.pack("4B", 12, 13, 0, 1))
    indexed().save(tmp_path / "a.png", pnginfo=text, transparency=2, dpi=(100, 100))
    with Image.open(enlarged(tmp_path, "a.png", bicubic)[0]) as made:
        assert made.info["transparency"] == 2
        assert round(made.info["dpi"][0]) == 200
        assert made.text == {"Description": "land cover"}
    assert b"cICP\x0c\x0d\x00\x01" in (tmp_path / "made_a.png").read_bytes()
    assert "not kept: transparency of its palette" in enlarged(tmp_path, "a.png", bicubic, target="b.tif")[1]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_single_bits(tmp_path, bicubic, suffix):
    Image.fromarray(CLASSES > 1).save(tmp_path / f"a{suffix}")
    with Image.open(enlarged(tmp_path, f"a{suffix}", bicubic)[0]) as made:
        assert np.array_equal(made, twice(CLASSES > 1))


@pytest.mark.parametrize("bits", [4, 12])
def test_numbers_of_odd_bits_are_not_spread_over_whole_bytes(tmp_path, bicubic, bits):
    dtype = np.uint8 if bits < 8 else np.uint16
    tifffile.imwrite(tmp_path / "a.tif", CLASSES.astype(dtype), bitspersample=bits, photometric="minisblack")
    made, _ = enlarged(tmp_path, "a.tif", bicubic)
    assert np.array_equal(tifffile.imread(made), twice(CLASSES))


def png(path, bits, pixels, colours=0, more=()):
    """A PNG of few bits, gray or indexed, which Pillow does not write."""
    shifts = np.arange(8 // bits)[::-1] * bits
    rows = (pixels.reshape(len(pixels), -1, 8 // bits).astype(int) << shifts).sum(-1).astype(np.uint8)
    head = struct.pack(">2I5B", *pixels.shape[::-1], bits, colours, 0, 0, 0)
    lines = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    chunks = ((b"IHDR", head), *more, (b"IDAT", lines), (b"IEND", b""))
    content = b"".join(struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))
                       for kind, data in chunks)  # fmt: skip
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


@pytest.mark.parametrize("bits", [2, 4])
def test_nor_are_those_of_a_gray_png(tmp_path, bicubic, bits):
    png(tmp_path / "a.png", bits, CLASSES[:, :32])
    with Image.open(enlarged(tmp_path, "a.png", bicubic)[0]) as made:
        assert np.array_equal(made, twice(CLASSES[:, :32]))
    with formats.open(tmp_path / "a.png") as file:
        assert np.array_equal(next(file.frames())[..., 0], CLASSES[:, :32] * (255 // (2**bits - 1)))


@pytest.mark.parametrize("bits", [1, 2])
def test_a_transparent_label_of_a_gray_png(tmp_path, bicubic, bits):
    pixels = CLASSES[:, :32] % 2**bits
    png(tmp_path / "a.png", bits, pixels, more=[(b"tRNS", b"\0\1")])
    with Image.open(enlarged(tmp_path, "a.png", bicubic)[0]) as made:
        assert made.mode == "LA"
        assert np.array_equal(made, twice(np.stack([pixels, 255 * (pixels != 1)], -1)))


def test_an_index_beyond_the_palette(tmp_path, bicubic):
    """Such as 255 for what is void."""
    pixels = np.where(CLASSES[:, :32] == 3, 255, CLASSES[:, :32])
    png(tmp_path / "a.png", 8, pixels, 3, more=[(b"PLTE", bytes(PALETTE[:9]))])
    with Image.open(enlarged(tmp_path, "a.png", bicubic)[0]) as made:
        assert made.mode == "P"
        assert np.array_equal(made, twice(pixels))
        assert made.getpalette()[:9] == PALETTE[:9]


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int32, np.float32])
def test_numbers_of_any_type(tmp_path, bicubic, dtype):
    classes = CLASSES.astype(dtype) * 31
    tifffile.imwrite(tmp_path / "a_dseg.tif", classes, photometric="minisblack")
    made, told = enlarged(tmp_path, "a_dseg.tif", bicubic, Options())
    assert told.startswith("labels (its name, _dseg), by nearest")
    assert tifffile.imread(made).dtype == dtype
    assert np.array_equal(tifffile.imread(made), twice(classes))


def test_gray_and_colours(tmp_path, bicubic):
    Image.fromarray(CLASSES).save(tmp_path / "a.png")
    assert TOLD in enlarged(tmp_path, "a.png", bicubic, Options())[1]
    assert enlarged(tmp_path, "a.png", bicubic, Options(labels="no"))[1] == ""
    assert np.array_equal(np.asarray(Image.open(enlarged(tmp_path, "a.png", bicubic)[0])), twice(CLASSES))
    colours = np.asarray(indexed().convert("RGB"))
    for suffix in (".png", ".webp", ".gif"):
        Image.fromarray(colours).save(tmp_path / f"b{suffix}", lossless=True)
        with Image.open(enlarged(tmp_path, f"b{suffix}", bicubic)[0]) as made:
            assert np.array_equal(made.convert("RGB"), twice(colours))
        with Image.open(enlarged(tmp_path, f"b{suffix}", bicubic, MAJORITY)[0]) as made:
            assert set(map(tuple, np.asarray(made.convert("RGB")).reshape(-1, 3))) == set(
                map(tuple, colours.reshape(-1, 3)))  # fmt: skip


@pytest.mark.parametrize(("name", "target"), [
    ("a_dseg.jpg", "b.jpg"), ("a.png", "b.jpg"), ("a.png", "b.webp"), ("a.gif", "b.avif")])  # fmt: skip
def test_compression_that_would_change_them_is_refused(tmp_path, bicubic, name, target):
    image = indexed().convert("RGB") if name.endswith("jpg") else indexed()
    image.save(tmp_path / name)
    with pytest.raises(UserError, match=f"{name}: .{target[2:]} does not keep labels as they are; name a "):
        enlarged(tmp_path, name, bicubic, Options() if "dseg" in name else NEAREST, target)
    assert not (tmp_path / target).exists()


def test_an_animation_is_enlarged_as_amounts_and_that_is_told(tmp_path, bicubic):
    frames = [indexed(), Image.fromarray(CLASSES[::-1]).convert("RGB")]
    frames[0].convert("RGB").save(tmp_path / "a_dseg.gif", save_all=True, append_images=frames[1:])
    said = r"enlarged as amounts, though it holds labels (its name, _dseg)"
    assert said in enlarged(tmp_path, "a_dseg.gif", bicubic, Options())[1]
    assert said not in enlarged(tmp_path, "a_dseg.gif", bicubic, target="b.gif")[1]


def test_labels_are_not_learnt_from(tmp_path):
    Image.fromarray(CLASSES).save(tmp_path / "a_dseg.png")
    refusal = pytest.raises(UserError, match=r"a_dseg.png: labels \(its name, _dseg\), which cannot be interpolated")
    with formats.open(tmp_path / "a_dseg.png") as file, refusal:
        next(frames_of(file, 3))


# --- from Python ------------------------------------------------------------------------------------------------------


def test_arrays_images_and_tensors(bicubic):
    with pytest.warns(UserWarning, match=TOLD):
        sr.enlarge(CLASSES, bicubic)
    assert np.array_equal(sr.enlarge(CLASSES, bicubic, labels="nearest"), twice(CLASSES))
    made = sr.enlarge(indexed(), bicubic, labels="nearest")
    assert (made.mode, made.getpalette()[:12]) == ("P", PALETTE)
    assert np.array_equal(made, twice(CLASSES))
    made = sr.enlarge(Image.fromarray(CLASSES > 1), bicubic, labels="nearest")
    assert made.mode == "1"
    assert np.array_equal(made, twice(CLASSES > 1))
    with pytest.raises(UserError, match="mode P; convert it"):
        sr.enlarge(indexed(), bicubic)


def test_files(tmp_path, bicubic):
    indexed().save(tmp_path / "a.png")
    assert np.array_equal(sr.enlarge(tmp_path / "a.png", bicubic, labels="nearest")[..., 0], twice(CLASSES))
    made = sr.enlarge(tmp_path / "a.png", bicubic, labels="majority", scale=3, to=tmp_path / "b.png")
    with Image.open(made) as image:
        assert (image.mode, image.size) == ("P", (105, 90))
