"""Every file of the corpus is enlarged, and what it says comes back: read by libraries, and by programs of others."""

import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from sr import formats
from sr.errors import UserError
from sr.inference.files import enlarge_file
from sr.inference.models import load
from sr.inference.pixels import Options
from tests import corpus, facts

SAMPLES = {sample.name: sample for sample in corpus.samples()}
ENLARGED = [name for name, sample in SAMPLES.items() if not sample.refused]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """made(name): source, result and the line of output; each file is enlarged once."""
    folder, nearest = tmp_path_factory.mktemp("corpus"), load("nearest", 2)
    found: dict[str, tuple[Path, Path, str]] = {}

    def made(name: str) -> tuple[Path, Path, str]:
        if name not in found:
            sample = SAMPLES[name]
            here = folder / name.replace("/", " ")
            source = corpus.write(here / "in", (sample,))[name]
            target = here / "out" / name
            target = target.with_name(formats.made_name(source))
            target.parent.mkdir(parents=True)
            with warnings.catch_warnings():
                warnings.simplefilter("error", ResourceWarning)
                found[name] = source, target, enlarge_file(source, target, nearest, Options(**sample.options))
        return found[name]

    return made


def test_it_is_large_enough_and_no_kind_is_missing():
    assert len(SAMPLES) >= 120
    assert len(SAMPLES) == len(corpus.samples())
    libraries = {"clips": "av", "dicom": "pydicom", "volumes": "nibabel", "scenes": "rasterio"}
    missing = {kind for kind, library in libraries.items() if find_spec(library) is None}
    kinds = {name.split("/")[0] for name in SAMPLES}
    assert kinds >= {"png", "jpeg", "tiff", "webp", "bmp", "animations", *libraries} - missing


@pytest.mark.parametrize("name", SAMPLES)
def test_what_must_come_back(made, name):
    sample = SAMPLES[name]
    if sample.refused:
        with pytest.raises(UserError, match=sample.refused.replace("(", r"\(")) as told:
            made(name)
        assert "\n" not in str(told.value)
        return
    source, target, said = made(name)
    for part in sample.told:
        assert part in said
    if not sample.told:
        assert not any(word in said for word in ("not kept", "left out")), said
    (before, old), (after, new) = facts.facts_of(source), facts.facts_of(target)
    changed = {key: (before.get(key), after.get(key)) for key in before.keys() | after.keys()
               if key not in (*sample.lost, "dpi") and before.get(key) != after.get(key)}  # fmt: skip
    assert not changed
    assert {key: after.get(key) for key in sample.says} == sample.says
    if "dpi" in before:  # the same size on paper
        assert after["dpi"] == pytest.approx(2 * before["dpi"], abs=1)
    clear = old.shape[-1] in (2, 4) and source.parent.name not in ("scenes", "volumes")
    assert distance(old, new, clear) <= sample.within


def distance(old: np.ndarray, new: np.ndarray, clear: bool) -> float:
    """Mean difference of what is seen; `new` is as large, or twice as large along each axis."""
    for axis, (n, m) in enumerate(zip(old.shape, new.shape, strict=True)):
        assert m in (n, 2 * n), (old.shape, new.shape)
        old = old.repeat(m // n, axis)
    old, new = old.astype(float), new.astype(float)
    if clear:  # transparency is enlarged softly, and a colour that nobody sees may be any
        full = max(old[..., -1].max(), 1)
        opaque = (old[..., -1] == full) & (new[..., -1] == full)
        assert np.abs((old[..., -1] > full / 2).mean() - (new[..., -1] > full / 2).mean()) < 0.05
        assert opaque.any()
        old, new = old[opaque], new[opaque]
    return float(np.abs(old - new).mean()) if old.size else 0.0


# --- programs of others -----------------------------------------------------------------------------------------------


def kinds(*folders: str) -> list[str]:
    return [name for name in ENLARGED if name.split("/")[0] in folders]


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not facts.at_hand(program), reason=f"{program} is not installed")


# Groups of exiftool's tags, and what in them is of the old size or its coding
MEANING = ("IFD0", "ExifIFD", "GPS", "ICC-header", "ICC_Profile", "IPTC", "PNG-cICP", "PNG", "XMP-x", "XMP-tiff")
OF_THE_SIZE = ("Width", "Height", "Resolution", "PixelsPerUnit", "StripOffsets", "RowsPerStrip", "StripByteCounts",
               "TileOffsets", "TileByteCounts", "TileWidth", "TileLength", "Orientation", "PageNumber", "FillOrder",
               "Compression", "Predictor", "PlanarConfiguration", "SubfileType", "SampleFormat", "ExifByteOrder",
               "YCbCr", "Interlace", "Filter", "ResolutionUnit", "BitDepth", "BitsPerSample", "ColorType",
               "Palette", "ColorMap", "Transparency", "ProfileName", "SamplesPerPixel", "Photometric", "Preview",
               "JPEGTables")  # fmt: skip


@needs("exiftool")
def test_exiftool_finds_what_it_found(made):
    """Every tag that a picture had, but those of its size and its coding, has the value that it had."""
    names = kinds("png", "jpeg", "tiff", "webp", "bmp", "avif", "heic", "animations")
    pairs = {name: made(name)[:2] for name in names}
    said = facts.of_exiftool([path for pair in pairs.values() for path in pair])
    wrong, compared = {}, 0
    for name, (source, target) in pairs.items():
        for tag, value in said[source].items():
            group, _, key = tag.partition(":")
            told = any(key in said for said in SAMPLES[name].told)
            if group not in MEANING or told or any(word in key for word in OF_THE_SIZE):
                continue
            compared += 1
            if said[target].get(tag) != value:
                wrong[f"{name} {tag}"] = (value, said[target].get(tag))
    assert not wrong
    assert compared > 100


@needs("ffprobe")
@pytest.mark.parametrize("name", kinds("clips"))
def test_ffprobe_finds_what_it_found(made, name):
    source, target, _ = made(name)
    old, new = facts.of_ffprobe(source), facts.of_ffprobe(target)
    turned = name == "clips/turned.mp4"
    assert new.pop("size") == tuple(2 * n for n in (old.pop("size")[::-1] if turned else old.pop("size")))
    if SAMPLES[name].lost:
        old.pop("codec_name"), new.pop("codec_name"), old.pop("pix_fmt"), new.pop("pix_fmt")
    assert new == old


@needs("gdalinfo")
@pytest.mark.parametrize("name", kinds("scenes"))
def test_gdal_finds_what_it_found(made, name):
    source, target, _ = made(name)
    old, new = facts.of_gdalinfo(source), facts.of_gdalinfo(target)
    assert new.pop("size") == [2 * n for n in old.pop("size")]
    assert new == old


NOT_OF_ITK = {
    "second.nii.gz": "reads no NIfTI-2", "sheared.nii": "no axes that are not at right angles",
    "6x5.nii.gz": "no single slice that lies askew", "ultrasound.dcm": "no regions of ultrasound",
    "examples_palette.dcm": "no regions of ultrasound",
    "given.dcm": "the source says no spacing",
}  # fmt: skip


@pytest.mark.skipif(find_spec("SimpleITK") is None, reason="SimpleITK is not installed")
@pytest.mark.parametrize("name", kinds("dicom", "volumes"))
def test_simpleitk_finds_the_same_corners(made, name):
    source, target, _ = made(name)
    if source.name in NOT_OF_ITK:
        pytest.skip(f"SimpleITK: {NOT_OF_ITK[source.name]}")
    old, new = facts.of_simpleitk(source), facts.of_simpleitk(target)
    assert {m // n for n, m in zip(old["size"], new["size"], strict=True)} <= {1, 2}
    if old["placed"]:
        np.testing.assert_allclose(new["corners"], old["corners"], atol=2e-3)
    else:  # which it counts from the centre of the first pixel
        np.testing.assert_allclose(np.diff(new["corners"], axis=0), np.diff(old["corners"], axis=0), atol=2e-3)
