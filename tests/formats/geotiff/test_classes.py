"""Classes on the ground: their numbers, colours and names; read back by rasterio and by GDAL's own command."""

import shutil
import subprocess
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import tifffile

from sr.formats.geotiff import classes
from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

rasterio = pytest.importorskip("rasterio")
from rasterio.shutil import copy  # noqa: E402

from tests.formats.geotiff.test_file import random, save  # noqa: E402

COLOURS = {0: (1, 2, 3, 255), 1: (9, 8, 7, 255), 2: (200, 10, 10, 255), 3: (0, 255, 0, 255)}
NAMES = "<CategoryNames><Category>sea</Category><Category>land</Category></CategoryNames>"
TABLE = (
    '<GDALRasterAttributeTable tableType="thematic">'
    '<FieldDefn index="0"><Name>Value</Name><Type>0</Type><Usage>5</Usage></FieldDefn>'
    '<FieldDefn index="1"><Name>Count</Name><Type>0</Type><Usage>1</Usage></FieldDefn>'
    '<FieldDefn index="2"><Name>Class</Name><Type>2</Type><Usage>2</Usage></FieldDefn>'
    '<Row index="0"><F>0</F><F>300</F><F>sea</F></Row><Row index="1"><F>1</F><F>180</F><F>land</F></Row>'
    "</GDALRasterAttributeTable>"
)


def land(dtype=np.uint8, kinds=4, times=1):
    return np.kron(random(1, low=0, high=kinds).astype(np.int64), np.ones((1, times, times), np.int64)).astype(dtype)


def palette(path, pixels, colours=COLOURS, **profile):
    save(path, pixels, photometric="palette", **profile)
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, colours)
    return path


def beside(path, inner):
    text = f'<PAMDataset><PAMRasterBand band="1">{inner}</PAMRasterBand></PAMDataset>'
    path.with_name(f"{path.name}.aux.xml").write_text(text)


def enlarged(tmp_path, bicubic, **options):
    note = enlarge_file(tmp_path / "a.tif", tmp_path / "b.tif", bicubic, Options(**options))
    with rasterio.open(tmp_path / "a.tif") as old, rasterio.open(tmp_path / "b.tif") as made:
        assert np.array_equal(made.read(), old.read().repeat(2, 1).repeat(2, 2))
        assert np.array_equal(made.dataset_mask(), old.dataset_mask().repeat(2, 0).repeat(2, 1))
        assert (made.nodata, made.colorinterp, made.dtypes) == (old.nodata, old.colorinterp, old.dtypes)
        assert made.transform.is_identity or made.transform.a == old.transform.a / 2
    return note


@pytest.mark.parametrize("nodata", [None, 0])
@pytest.mark.parametrize(("dtype", "times"), [(np.uint8, 1), (np.uint16, 300)])
def test_a_palette(tmp_path, bicubic, dtype, times, nodata):
    colours = {times * n: colour for n, colour in COLOURS.items()}
    palette(tmp_path / "a.tif", land(dtype) * times, colours, nodata=nodata)
    assert enlarged(tmp_path, bicubic).startswith("labels (a palette), by nearest")
    with rasterio.open(tmp_path / "a.tif") as old, rasterio.open(tmp_path / "b.tif") as made:
        assert made.colormap(1) == old.colormap(1)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.tif", "b.tif"]


def test_a_palette_that_shades_amounts_is_kept_too(tmp_path, bicubic):
    palette(tmp_path / "a.tif", random(1))
    note = enlarge_file(tmp_path / "a.tif", tmp_path / "b.tif", bicubic, Options(labels="no"))
    assert note.startswith("enlarged as amounts, though it holds labels (a palette)")
    with rasterio.open(tmp_path / "a.tif") as old, rasterio.open(tmp_path / "b.tif") as made:
        assert made.colormap(1) == old.colormap(1)
        assert len(np.unique(made.read())) > len(np.unique(old.read())) / 2
        assert not np.array_equal(made.read(), old.read().repeat(2, 1).repeat(2, 2))


@pytest.mark.parametrize(("bits", "compress"), [(1, None), (1, "ccittfax4"), (1, "lzw"), (4, "deflate")])
def test_classes_of_few_bits(tmp_path, bicubic, bits, compress):
    more = {"compress": compress} if compress else {}
    save(tmp_path / "a.tif", land(kinds=2), nbits=bits, tags={"own": "x"}, **more)
    note = enlarged(tmp_path, bicubic, labels="auto" if bits == 1 else "nearest")
    assert ("by deflate, without loss, instead of CCITTFAX4" in note) == (compress == "ccittfax4")
    with rasterio.open(tmp_path / "b.tif") as made:
        assert made.tags(1, ns="IMAGE_STRUCTURE")["NBITS"] == str(bits)


@pytest.mark.parametrize("of_band", [True, False])
@pytest.mark.parametrize(("dtype", "nodata"), [(np.uint8, 1), (np.int32, 3), (np.float32, -9999), (np.float32, np.nan)])
def test_a_thematic_layer(tmp_path, nearest, dtype, nodata, of_band):
    pixels = land(dtype)
    pixels[:, 4:9, 5] = nodata
    save(tmp_path / "a.tif", pixels, tags={} if of_band else {"LAYER_TYPE": "thematic"}, nodata=nodata)
    if of_band:
        with rasterio.open(tmp_path / "a.tif", "r+") as file:
            file.update_tags(1, LAYER_TYPE="Thematic")
    note = enlarge_file(tmp_path / "a.tif", tmp_path / "b.tif", nearest, Options())
    assert note.startswith("labels (LAYER_TYPE=thematic), by nearest")
    with rasterio.open(tmp_path / "b.tif") as made:
        np.testing.assert_array_equal(made.read(), pixels.repeat(2, 1).repeat(2, 2))
        np.testing.assert_equal(made.nodata, nodata)
        assert (made.tags(1) if of_band else made.tags())["LAYER_TYPE"].lower() == "thematic"


def test_a_mask_over_classes(tmp_path, bicubic):
    pixels = land()
    pixels[pixels == 1] = 0
    save(tmp_path / "a.tif", pixels, mask=pixels[0] > 0, tags={"LAYER_TYPE": "thematic"})
    enlarged(tmp_path, bicubic)


@pytest.mark.parametrize("inner", [NAMES, TABLE, NAMES + TABLE])
def test_names_of_classes(tmp_path, bicubic, inner):
    save(tmp_path / "a.tif", land(kinds=2))
    beside(tmp_path / "a.tif", inner)
    note = enlarged(tmp_path, bicubic)
    assert "labels (names of its classes), by nearest" in note
    assert "b.tif.aux.xml beside it, with what it says of its classes" in note
    assert ("counts of the old pixels are left out" in note) == (TABLE in inner)
    made = ET.parse(tmp_path / "b.tif.aux.xml").getroot()
    if NAMES in inner:
        assert [item.text for item in made.iter("Category")] == ["sea", "land"]
    if TABLE in inner:
        assert [name.text for name in made.iter("Name")] == ["Value", "Class"]
        assert [cell.text for cell in made.iter("F")] == ["0", "sea", "1", "land"]
        assert [column.get("index") for column in made.iter("FieldDefn")] == ["0", "1"]
    if tool := shutil.which("gdalinfo"):
        told = subprocess.run([tool, tmp_path / "b.tif"], capture_output=True, text=True, check=True).stdout
        assert ("0: sea" in told) == (NAMES in inner)
        assert ("<F>land</F>" in told) == (TABLE in inner)


def test_a_damaged_table_is_left_out(tmp_path, bicubic):
    save(tmp_path / "a.tif", land(kinds=2))
    beside(tmp_path / "a.tif", NAMES + TABLE.replace("<F>sea</F>", ""))
    assert "its attribute table is left out: its rows do not fit its 3 columns" in enlarged(tmp_path, bicubic)
    made = ET.parse(tmp_path / "b.tif.aux.xml").getroot()
    assert [item.text for item in made.iter("Category")] == ["sea", "land"]
    assert made.find(f".//{classes.TABLE}") is None


def test_names_without_a_place(tmp_path, bicubic):
    tifffile.imwrite(tmp_path / "a.tif", land(kinds=2)[0])
    assert not classes.names(tmp_path / "a.tif")
    beside(tmp_path / "a.tif", NAMES)
    assert "labels (names of its classes)" in enlarged(tmp_path, bicubic)


def test_colours_that_a_geotiff_cannot_hold(tmp_path, bicubic):
    save(tmp_path / "a.tif", land(np.int32) + 70_000)
    table = '<ColorTable><Entry c1="1" c2="2" c3="3" c4="255"/></ColorTable>'
    beside(tmp_path / "a.tif", f"<ColorInterp>Palette</ColorInterp>{table}")
    assert "labels (a palette), by nearest" in enlarged(tmp_path, bicubic)
    with rasterio.open(tmp_path / "b.tif") as made:
        assert made.colormap(1)[0] == (1, 2, 3, 255)


def test_a_table_of_esri_is_told(tmp_path, bicubic):
    save(tmp_path / "a.tif", land())
    (tmp_path / "a.tif.vat.dbf").write_bytes(b"counts")
    assert "a.tif.vat.dbf is left out: it counts the old pixels" in enlarged(tmp_path, bicubic, labels="nearest")


@pytest.mark.parametrize("bits", [8, 1])
def test_overviews_hold_no_other_classes(tmp_path, bicubic, bits):
    pixels = land(kinds=4 if bits == 8 else 2, times=25) * (80 if bits == 8 else 1)
    save(tmp_path / "whole.tif", pixels, tags={"LAYER_TYPE": "thematic"}, nbits=bits)
    copy(tmp_path / "whole.tif", tmp_path / "a.tif", driver="COG", overview_resampling="nearest")
    enlarged(tmp_path, bicubic)
    with rasterio.open(tmp_path / "b.tif") as made:
        assert made.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert made.overviews(1)
    with rasterio.open(tmp_path / "b.tif", overview_level=0) as small:
        assert set(np.unique(small.read())) <= set(np.unique(pixels))
    save(tmp_path / "a.tif", pixels, tags={"LAYER_TYPE": "thematic"})
    with rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.build_overviews([2, 4], rasterio.enums.Resampling.nearest)
    enlarged(tmp_path, bicubic)
    with rasterio.open(tmp_path / "b.tif", overview_level=0) as small:
        assert set(np.unique(small.read())) <= set(np.unique(pixels))


def test_classes_are_not_compressed_with_loss(tmp_path, bicubic):
    save(tmp_path / "a.tif", land(), compress="jpeg", tags={"LAYER_TYPE": "thematic"})
    assert "compressed by deflate, without loss, instead of JPEG" in enlarged(tmp_path, bicubic)


def test_a_majority_and_what_looks_like_classes(tmp_path, bicubic):
    pixels = land(times=4) * 50
    save(tmp_path / "a.tif", pixels)
    told = "only 4 different numbers: if they are labels, --labels nearest keeps them"
    assert told in enlarge_file(tmp_path / "a.tif", tmp_path / "b.tif", bicubic, Options())
    enlarge_file(tmp_path / "a.tif", tmp_path / "c.tif", bicubic, Options(scale=4, labels="majority"))
    with rasterio.open(tmp_path / "c.tif") as made:
        repeated = pixels.repeat(4, 1).repeat(4, 2)
        assert set(np.unique(made.read())) == set(np.unique(pixels))
        assert 0.9 < (made.read() == repeated).mean() < 1
    save(tmp_path / "a.tif", random(1))
    assert enlarge_file(tmp_path / "a.tif", tmp_path / "b.tif", bicubic, Options()) == ""
