"""AVIF and HEIC of 10 and 12 bits, and their boxes; read back by imagecodecs, pillow-heif, Pillow and exiftool."""

import io
import json
import shutil
import struct
import subprocess
from dataclasses import replace

import imagecodecs
import numpy as np
import pytest
from PIL import Image, features

from sr.formats.picture.boxes import properties
from sr.formats.picture.writing import lost
from tests.formats.picture.samples import ICC, XMP, tagged
from tests.formats.picture.test_beyond import enlarged
from tests.pictures import read, read_with_meta, write

pytestmark = pytest.mark.skipif(not features.check("avif"), reason="this Pillow knows no AVIF")
REC2100_PQ = (9, 16)
KINDS = [(suffix, bits) for suffix in (".avif", ".heic") for bits in (10, 12)]


def waves(bits, channels=3) -> np.ndarray:
    """H W C, slow enough that coding keeps them: more than 256 levels, the last channel, of 2 or 4, from 0 up."""
    y, x = np.mgrid[:64, :80] / 25
    made = np.stack([0.5 + 0.45 * np.sin(x + k) * np.cos(y - k) for k in range(channels)], 2)
    if channels in (2, 4):
        made[..., -1] = np.linspace(0, 1, 80)
    return ((2**bits - 1) * made).round().astype(np.uint16)


def by_others(path, levels, bits, colours=(2, 2)):
    """Written by imagecodecs, and by pillow-heif."""
    if path.suffix == ".avif":
        path.write_bytes(imagecodecs.avif_encode(levels.squeeze(), 95, bitspersample=bits, pixelformat="444", matrix=6,
                                                 primaries=colours[0], transfer=colours[1]))  # fmt: skip
    else:
        heif = pytest.importorskip("pillow_heif")
        before, heif.options.SAVE_HDR_TO_12_BIT = heif.options.SAVE_HDR_TO_12_BIT, bits == 12
        mode = {1: "L;16", 3: "RGB;16", 4: "RGBA;16"}[levels.shape[2]]
        heif.encode(mode, levels.shape[1::-1], (levels << 16 - bits).tobytes(), path, quality=95, chroma=444,
                    color_primaries=colours[0], transfer_characteristics=colours[1], matrix_coefficients=6,
                    full_range_flag=1)  # fmt: skip
        heif.options.SAVE_HDR_TO_12_BIT = before
    return path


def levels_of(path) -> tuple[int, np.ndarray]:
    """Bits, and levels H W C, as imagecodecs and pillow-heif read them."""
    if path.suffix == ".avif":
        data = path.read_bytes()
        bits, levels = data[data.index(b"pixi") + 9], imagecodecs.avif_decode(data)
    else:
        found = pytest.importorskip("pillow_heif").open_heif(path, convert_hdr_to_8bit=False)
        bits = found.info["bit_depth"]
        levels = np.asarray(found) >> 16 - bits
    return bits, levels.reshape(*levels.shape[:2], -1).astype(int)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("suffix", "bits"), KINDS)
def test_deep_pictures_stay_deep(tmp_path, suffix, bits, channels):
    levels = waves(bits, channels)
    source = by_others(tmp_path / f"a{suffix}", levels, bits)
    full = 2**bits - 1
    pixels = read(source)
    assert pixels.dtype == np.uint16
    assert np.array_equal((pixels * (full / 65535)).round(), levels_of(source)[1])
    assert np.abs(pixels * (full / 65535) - levels).mean() < full / 500
    target, told = enlarged(source)
    assert "bits" not in told
    found, made = levels_of(target)
    assert found == bits
    seen = levels_of(source)[1].repeat(2, 0).repeat(2, 1)
    if channels == 4:  # a colour that is not seen may be any
        made, seen = (x[:, 20:] for x in (made, seen))
    assert np.abs(made - seen).mean() < full / 500
    assert len(np.unique(made[..., 0])) > 256


@pytest.mark.parametrize(("suffix", "bits"), KINDS)
def test_deep_pictures_become_16_bits(tmp_path, suffix, bits):
    source = by_others(tmp_path / f"a{suffix}", waves(bits), bits)
    pixels = read(source)
    for kind in (".png", ".tif"):
        target, told = enlarged(source, kind)
        assert "bits" not in told
        assert np.array_equal(read(target), pixels.repeat(2, 0).repeat(2, 1))
    target, told = enlarged(source, ".jpg")
    assert f"not kept: {bits} bits (8 are written)" in told
    with Image.open(target) as made:
        assert np.abs(np.asarray(made) * 257.0 - pixels.repeat(2, 0).repeat(2, 1)).mean() < 400


@pytest.mark.parametrize("suffix", [".avif", ".heic"])
def test_of_16_bits_12_are_written(tmp_path, suffix):
    if suffix == ".heic":
        pytest.importorskip("pillow_heif")
    pixels = waves(16)
    write(tmp_path / "a.png", pixels)
    target, told = enlarged(tmp_path / "a.png", suffix)
    assert "not kept: 16 bits (12 are written)" in told
    bits, levels = levels_of(target)
    assert bits == 12
    assert np.abs(levels * (65535 / 4095) - pixels.repeat(2, 0).repeat(2, 1)).mean() < 65535 / 500


@pytest.mark.parametrize("suffix", [".avif", ".heic"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_deep_pictures_keep_what_they_say(tmp_path, suffix, channels):
    source = by_others(tmp_path / f"a{suffix}", waves(10, channels), 10, REC2100_PQ)
    pixels, meta = read_with_meta(source)
    assert (meta.bits, meta.colours) == (10, REC2100_PQ)
    exif = tagged()
    del exif[274]
    said = {"exif": exif.tobytes(), "icc": ICC, "xmp": XMP.replace(b"6", b"1")}  # upright, as the reader makes it
    for kept in (said, {}, {"icc": ICC}, {"xmp": said["xmp"]}):
        write(tmp_path / f"b{suffix}", pixels, replace(meta, **kept))
        again, found = read_with_meta(tmp_path / f"b{suffix}")
        assert np.abs(again.astype(int) - pixels).mean() < 65535 / 300
        assert found.colours == (None if suffix == ".heic" and "icc" in kept else REC2100_PQ)
        assert (found.icc, found.exif is None) == (kept.get("icc"), "exif" not in kept)
        assert (b"photo" in (found.xmp or b"")) == ("xmp" in kept)
        if kept == said:
            told = lost(suffix, replace(meta, **kept))
            assert any("primaries" in one for one in told) == (suffix == ".heic")  # which holds no two of them
            with Image.open(tmp_path / f"b{suffix}") as image:
                read_exif = image.getexif()
            assert read_exif[271] == "Maker"
            assert read_exif.get_ifd(0x8825)[1] == "N"
            if shutil.which("exiftool"):
                told = json.loads(subprocess.check_output(["exiftool", "-json", str(tmp_path / f"b{suffix}")]))[0]
                assert told["Make"] == "Maker"
                assert told["ProfileDescription"].startswith("sRGB")
                assert "Warning" not in told


def test_what_is_said_is_said_of_the_main_picture():
    """Which is not always the first: here it is made the transparency, of one channel."""
    made = io.BytesIO()
    Image.new("RGBA", (32, 32), (9, 9, 9, 100)).save(made, "AVIF")
    data = made.getvalue()
    pixi = [content for kind, _, content in properties(made) if kind == b"pixi"]
    assert pixi == [b"\0\0\0\0\3\x08\x08\x08"]
    at = data.index(b"pitm") + 8
    other = data[:at] + struct.pack(">H", 2) + data[at + 2 :]
    pixi = [content for kind, _, content in properties(io.BytesIO(other)) if kind == b"pixi"]
    assert pixi == [b"\0\0\0\0\1\x08"]
    for end in range(len(data)):  # damaged: nothing is said
        properties(io.BytesIO(data[:end]))


@pytest.mark.parametrize(("urn", "told"), [
    (b"urn:com:apple:photo:2020:aux:hdrgainmap", "gain map"), (b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth", "depth"),
    (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", "")])  # fmt: skip
def test_what_lies_beside_the_picture_is_told(tmp_path, urn, told):
    made = io.BytesIO()
    Image.new("RGBA", (32, 32), (9, 9, 9, 100)).save(made, "AVIF")
    alpha = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
    assert alpha in made.getvalue()
    (tmp_path / "a.avif").write_bytes(made.getvalue().replace(alpha, urn.ljust(len(alpha), b"\0")))
    assert (f"not kept: {told} beside the picture" in enlarged(tmp_path / "a.avif")[1]) == bool(told)
