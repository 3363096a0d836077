"""Gain maps of JPEG: what libultrahdr and exiftool find in the enlarged picture."""

import io
import shutil
import subprocess

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from sr.formats.picture.gain_map import GainMap, with_gain_map
from tests.formats.picture.test_beyond import enlarged
from tests.kinds.pictures import ultra_hdr
from tests.pictures import read_with_meta

pytestmark = pytest.mark.skipif(not getattr(imagecodecs, "ULTRAHDR", imagecodecs.NONE).available,
                                reason="this imagecodecs has no libultrahdr")  # fmt: skip
PACKET = (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
          b'<rdf:Description rdf:about="" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" '
          b"%b</rdf:Description></rdf:RDF></x:xmpmeta>")  # fmt: skip
OF_PRIMARY = PACKET % (
    b'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
    b'xmlns:Item="http://ns.google.com/photos/1.0/container/item/"><Container:Directory><rdf:Seq>'
    b'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>'
    b'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" '
    b'Item:Length="77"/></rdf:li></rdf:Seq></Container:Directory>'
)
OF_MAP = PACKET % b'hdrgm:GainMapMin="0" hdrgm:GainMapMax="2" hdrgm:Gamma="1" hdrgm:HDRCapacityMax="2">'


def light(path) -> np.ndarray:
    """H W 4, as libultrahdr reads it: 1 is the white of a display without high dynamic range."""
    return imagecodecs.ultrahdr_decode(path.read_bytes()).astype(float)


def by_xmp(path, xmp=OF_PRIMARY, **said) -> bytes:
    """A picture whose gain map is said in XMP alone, as by telephones before ISO's standard; returns the map."""
    y, x = np.mgrid[:64, :96]
    first, second = io.BytesIO(), io.BytesIO()
    Image.fromarray(np.stack([x, y, x], 2).astype(np.uint8) * 2).save(first, "JPEG", quality=95, xmp=xmp, **said)
    Image.fromarray((y[::4, ::4] * 4).astype(np.uint8)).save(second, "JPEG", quality=95, xmp=OF_MAP)
    path.write_bytes(with_gain_map(first.getvalue(), GainMap(second.getvalue(), b"")))
    return second.getvalue()


def test_high_dynamic_range_is_kept(tmp_path):
    ultra_hdr(tmp_path / "a.jpg")
    target, told = enlarged(tmp_path / "a.jpg")
    assert "not kept" not in told
    before, made = light(tmp_path / "a.jpg"), light(target)
    assert made.shape == (128, 160, 4)
    assert before.max() > 2  # so there is something to lose
    assert np.abs(made - before.repeat(2, 0).repeat(2, 1)).mean() < 0.05
    again, told = enlarged(target.rename(tmp_path / "c.jpg"))
    assert light(again).shape == (256, 320, 4)
    assert read_with_meta(again)[1].gain_map == read_with_meta(tmp_path / "a.jpg")[1].gain_map


@pytest.mark.parametrize("exif", [True, False])
def test_gain_maps_that_xmp_describes(tmp_path, exif):
    tags = Image.Exif()
    tags[271] = "Maker"
    second = by_xmp(tmp_path / "a.jpg", **{"exif": tags, "comment": "by hand"} if exif else {})
    target, told = enlarged(tmp_path / "a.jpg")
    assert "not kept" not in told
    before, made = light(tmp_path / "a.jpg"), light(target)
    assert before.max() > 1.5
    assert np.abs(made - before.repeat(2, 0).repeat(2, 1)).mean() < 0.05
    data = target.read_bytes()
    assert data.endswith(second)
    with Image.open(target) as image:
        assert b'Item:Length="%d"' % len(second) in image.info["xmp"]
        assert b'Length="77"' not in image.info["xmp"]
        assert b"hdrgm:Version" in image.info["xmp"]
    if shutil.which("exiftool"):
        assert subprocess.check_output(["exiftool", "-b", "-MPImage2", str(target)]) == second
        assert b"Warning" not in subprocess.check_output(["exiftool", "-G", str(target)])
    for suffix in (".png", ".webp"):
        target, told = enlarged(tmp_path / "a.jpg", suffix)
        assert "not kept: the gain map of its high dynamic range" in told
        assert b"hdrgm:Version" not in target.read_bytes()


@pytest.mark.parametrize("orientation", [3, 6])
def test_the_gain_map_is_turned_with_the_picture(tmp_path, orientation):
    tags = Image.Exif()
    tags[274] = orientation
    by_xmp(tmp_path / "a.jpg", exif=tags)
    target, _ = enlarged(tmp_path / "a.jpg")
    before = np.rot90(light(tmp_path / "a.jpg"), {3: 2, 6: -1}[orientation])  # libultrahdr reads no EXIF
    assert np.abs(light(target) - before.repeat(2, 0).repeat(2, 1)).mean() < 0.05


def test_what_follows_besides_is_told(tmp_path):
    camera = b'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1" xmlns:hdrgm'
    by_xmp(tmp_path / "a.jpg", OF_PRIMARY.replace(b"xmlns:hdrgm", camera))
    assert "not kept: the clip of a motion photo" in enlarged(tmp_path / "a.jpg")[1]
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[:-200])  # so its gain map is not whole
    target, told = enlarged(tmp_path / "a.jpg")
    assert "not kept: the clip of a motion photo" in told
    assert "not kept: the gain map of its high dynamic range" in told
    with Image.open(target) as image:
        assert b'MotionPhoto="0"' in image.info["xmp"]
        assert b"Directory" not in image.info["xmp"]
