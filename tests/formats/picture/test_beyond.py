"""What a picture says outside of EXIF, ICC and XMP: kept, or told; read back by Pillow, pillow-heif, exiftool."""

import io
import json
import shutil
import struct
import subprocess
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, IptcImagePlugin, features

from sr.inference.files import enlarge_file
from sr.inference.models import load
from sr.inference.pixels import Options
from tests.formats.picture.raw import chunks_of, png
from tests.formats.picture.samples import ICC, XMP, tagged

DISPLAY_P3, REC2100_PQ = (12, 13), (9, 16)  # primaries and transfer function of ITU-T H.273
GAMMA = (b"gAMA", struct.pack(">I", 100_000))
P3 = (b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
CICP = (b"cICP", bytes([*REC2100_PQ, 0, 1]))
LIGHT = (b"cLLI", struct.pack(">II", 10_000_000, 4_000_000))
PARAMETERS = (b"tEXt", b"parameters\0a cat, steps: 20")
DESCRIPTION = (b"iTXt", b"Description\0\0\0\0\0" + "Kätzchen".encode())
LONG = (b"zTXt", b"Comment\0\0" + zlib.compress(b"long " * 50))
OWN = (b"vpAg", b"safe to copy")
UNSAFE = (b"caBX", b"a signature of the old pixels")
IPTC = b"\x1c\x02\x50\0\x03Ann"  # by-line
SAID = (GAMMA, P3, PARAMETERS, DESCRIPTION, LONG)


def enlarged(source, suffix=None):
    target = source.with_name(f"b{suffix or source.suffix}")
    return target, enlarge_file(source, target, load("nearest", 2), Options())


def samples(depth=8, channels=3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2**depth, (12, 16, channels)).squeeze()


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("said", [SAID, (CICP, LIGHT), ((b"sRGB", b"\1"), OWN)])
def test_chunks_of_a_png_are_kept(tmp_path, depth, channels, said):
    (tmp_path / "a.png").write_bytes(png(samples(depth, channels), depth, said))
    target, told = enlarged(tmp_path / "a.png")
    assert told == ""
    made = list(chunks_of(target.read_bytes()))
    for chunk in said:
        assert made.count(chunk) == 1
    assert [kind for kind, _ in made].index(b"IDAT") > max(made.index(chunk) for chunk in said)
    with Image.open(target) as image:
        assert image.size == (32, 24)
        if said == SAID:
            assert image.info["gamma"] == 1.0
            assert image.info["chromaticity"][2:4] == (0.68, 0.32)
            assert image.text["parameters"] == "a cat, steps: 20"
            assert image.text["Description"] == "Kätzchen"


def test_text_behind_the_pixels_and_what_is_unsafe(tmp_path):
    data = png(samples(), 8, (UNSAFE,))
    behind = png(samples(), 8, (PARAMETERS,))
    text = behind[behind.index(b"tEXt") - 4 : behind.index(b"tEXt") + 8 + len(PARAMETERS[1])]
    (tmp_path / "a.png").write_bytes(data[:-12] + text + data[-12:])
    target, told = enlarged(tmp_path / "a.png")
    assert told == "not kept: chunk caBX"
    assert PARAMETERS in list(chunks_of(target.read_bytes()))


def test_what_another_format_cannot_say_is_told(tmp_path):
    (tmp_path / "a.png").write_bytes(png(samples(), 8, (*SAID, CICP)))
    _, told = enlarged(tmp_path / "a.png", ".jpg")
    assert "not kept: chunks gAMA, cHRM" in told
    assert "not kept: text (parameters, Description, Comment)" in told
    assert "not kept: primaries 9 and transfer function 16 of H.273; a .png keeps them" in told


def coded(path, colours):
    """AVIF or HEIC of these colours, by Pillow and pillow-heif."""
    image = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8)[None, :, None] * 4, (64, 1, 3)))
    if path.suffix == ".heic":
        pillow_heif = pytest.importorskip("pillow_heif")
        pillow_heif.register_heif_opener()
        image.save(path, color_primaries=colours[0], transfer_characteristics=colours[1], save_nclx_profile=True)
    else:
        if not features.check("avif"):
            pytest.skip("this Pillow has no AVIF")
        import imagecodecs

        path.write_bytes(imagecodecs.avif_encode(np.asarray(image), 95, primaries=colours[0], transfer=colours[1]))
    return path


def nclx(path) -> tuple[int, int]:
    data = path.read_bytes()
    at = data.index(b"colrnclx") + 8
    return struct.unpack(">HH", data[at : at + 4])


@pytest.mark.parametrize("colours", [DISPLAY_P3, REC2100_PQ])
@pytest.mark.parametrize("suffix", [".avif", ".heic"])
def test_colours_of_avif_and_heic(tmp_path, suffix, colours):
    source = coded(tmp_path / f"a{suffix}", colours)
    assert nclx(source) == colours
    target, told = enlarged(source)
    assert "primaries" not in told
    assert nclx(target) == colours
    with Image.open(source) as old, Image.open(target) as new:
        if suffix == ".heic":
            found = new.info["nclx_profile"]
            assert (found["color_primaries"], found["transfer_characteristics"]) == colours
        before = np.asarray(old.convert("RGB")).repeat(2, 0).repeat(2, 1).astype(int)
        assert np.abs(np.asarray(new.convert("RGB")) - before).mean() < 3
    target, told = enlarged(source, ".png")
    assert dict(chunks_of(target.read_bytes()))[b"cICP"] == bytes([*colours, 0, 1])
    assert "primaries" not in told
    target, told = enlarged(source, ".jpg")  # in which a profile says it, if it can
    with Image.open(target) as made:
        assert ("primaries" in told, "icc_profile" in made.info) == ((False, True), (True, False))[
            colours == REC2100_PQ
        ]


def test_further_pictures_of_a_jpeg_are_told(tmp_path):
    images = [Image.new("RGB", (32, 32), (200, level, 20)) for level in (30, 90)]
    images[0].save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=images[1:])
    assert "not kept: 1 more picture(s) in it" in enlarged(tmp_path / "a.jpg")[1]


def test_comment_of_a_jpeg(tmp_path):
    Image.new("RGB", (32, 32)).save(tmp_path / "a.jpg", comment="by hand")
    with Image.open(enlarged(tmp_path / "a.jpg")[0]) as made:
        assert made.info["comment"] == b"by hand"
    assert "not kept: comment" in enlarged(tmp_path / "a.jpg", ".png")[1]


@pytest.mark.parametrize("suffix", [".webp", ".avif"])
def test_the_size_on_paper_is_kept_where_exif_alone_can_say_it(tmp_path, suffix):
    if suffix == ".avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png", dpi=(300, 300))
    with Image.open(enlarged(tmp_path / "a.png", suffix)[0]) as made:
        exif = made.getexif()
    assert [round(float(exif[tag])) for tag in (282, 283, 296)] == [600, 600, 2]


def test_what_a_bmp_cannot_say_is_told(tmp_path):
    Image.new("RGB", (32, 32)).save(tmp_path / "a.jpg", icc_profile=ICC, exif=tagged(), xmp=XMP)
    told = enlarged(tmp_path / "a.jpg", ".bmp")[1]
    assert all(f"not kept: {what}" in told for what in ("ICC profile", "EXIF", "XMP"))


@pytest.mark.parametrize("more", [b"", b"8BIM\x04\x25\0\0\0\0\0\x02ab", b"8BIM\x04\x0d\0\0\0\0\0\x04abcd"])
def test_iptc_is_kept_in_jpeg_and_tiff(tmp_path, more):
    data = io.BytesIO()
    Image.new("RGB", (32, 32)).save(data, "JPEG")
    block = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x08" + IPTC + more
    segment = b"\xff\xed" + struct.pack(">H", len(block) + 2) + block
    (tmp_path / "a.jpg").write_bytes(data.getvalue()[:20] + segment + data.getvalue()[20:])
    target, told = enlarged(tmp_path / "a.jpg")
    assert ("not kept: Photoshop's resources" in told) == (b"abcd" in more)
    assert "IPTC" not in told
    for suffix in (".tif", ".jpg"):
        with Image.open(target) as made:
            assert IptcImagePlugin.getiptcinfo(made) == {(2, 80): b"Ann"}
        target, told = enlarged(target.rename(tmp_path / f"c{target.suffix}"), suffix)
        assert told == ""
    assert "not kept: IPTC; a .tif or .jpg keeps it" in enlarged(tmp_path / "a.jpg", ".png")[1]


def test_iptc_of_a_tiff_that_pillow_does_not_write(tmp_path):
    pixels = np.ones((8, 8, 3), np.float32)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extratags=[(33723, 7, 8, IPTC, True)])
    target, told = enlarged(tmp_path / "a.tif")
    assert "not kept" not in told
    with tifffile.TiffFile(target) as made:
        assert made.pages[0].tags[33723].value == IPTC


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_stays_0_where_it_was(tmp_path, dtype):
    pixels = samples(8 * np.dtype(dtype).itemsize, 1).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="miniswhite")
    target, told = enlarged(tmp_path / "a.tif")
    assert "not kept" not in told
    with tifffile.TiffFile(target) as made:
        assert made.pages[0].photometric == tifffile.PHOTOMETRIC.MINISWHITE
        assert np.array_equal(made.asarray(), pixels.repeat(2, 0).repeat(2, 1))


def test_colours_in_tags_of_a_tiff_are_told(tmp_path):
    white = (318, 5, 2, (3127, 10000, 329, 1000), True)
    tifffile.imwrite(tmp_path / "a.tif", samples().astype(np.uint8), photometric="rgb", extratags=[white])
    assert "not kept: WhitePoint" in enlarged(tmp_path / "a.tif")[1]


@pytest.mark.skipif(not shutil.which("exiftool"), reason="exiftool is not installed")
def test_exiftool_reads_the_same(tmp_path):
    (tmp_path / "a.png").write_bytes(png(samples(), 8, (*SAID, CICP)))
    coded(tmp_path / "c.avif", DISPLAY_P3)
    for name, tags in (("a.png", ("Gamma", "RedX", "Parameters", "Description", "ColorPrimaries")),
                       ("c.avif", ("ColorPrimaries", "TransferCharacteristics"))):  # fmt: skip
        target, _ = enlarged(tmp_path / name)
        old, new = (json.loads(subprocess.check_output(["exiftool", "-json", str(p)]))[0]
                    for p in (tmp_path / name, target))  # fmt: skip
        for tag in tags:
            if tag in old:  # older versions know no cICP
                assert new[tag] == old[tag]
        assert len(set(tags) & set(old)) >= 2
