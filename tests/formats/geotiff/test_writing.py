"""How a scene is stored stays, and what was counted over its pixels is counted again; read back by GDAL."""

import warnings

import numpy as np
import pytest
import tifffile

from sr import formats
from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

rasterio = pytest.importorskip("rasterio")
from rasterio.enums import Resampling  # noqa: E402
from rasterio.shutil import copy  # noqa: E402

from tests.formats.geotiff.test_file import NORTH_UP, random, save  # noqa: E402


@pytest.fixture(autouse=True)
def quiet():
    warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)


def smooth(bands=3, height=300, width=400, dtype=np.uint8):
    """What JPEG keeps well: waves."""
    y, x = np.mgrid[:height, :width] / 40
    return np.stack([120 + 80 * np.sin(x + k) * np.cos(y) for k in range(bands)]).astype(dtype)


def enlarged(tmp_path, enlarger):
    note = enlarge_file(tmp_path / "a.tif", tmp_path / "b.tif", enlarger, Options())
    return rasterio.open(tmp_path / "b.tif"), note


@pytest.mark.parametrize("compress", ["lzw", "deflate", "zstd"])
def test_compression_without_loss_is_kept(tmp_path, nearest, compress):
    save(tmp_path / "a.tif", smooth(dtype=np.uint16), compress=compress)
    made, note = enlarged(tmp_path, nearest)
    with made:
        assert made.compression.name == compress
        assert "compressed" not in note
        assert np.array_equal(made.read(), smooth(dtype=np.uint16).repeat(2, 1).repeat(2, 2))


def test_jpeg_stays_jpeg_of_its_quality(tmp_path, nearest):
    save(tmp_path / "a.tif", smooth(), compress="jpeg", photometric="YCBCR", JPEG_QUALITY=80, interleave="pixel")
    made, note = enlarged(tmp_path, nearest)
    with made, rasterio.open(tmp_path / "a.tif") as old:
        structure = made.tags(ns="IMAGE_STRUCTURE")
        assert (structure["COMPRESSION"], structure["JPEG_QUALITY"]) == ("YCbCr JPEG", "80")
        assert (tmp_path / "b.tif").stat().st_size < 6 * (tmp_path / "a.tif").stat().st_size
        assert np.abs(made.read().astype(int) - old.read().repeat(2, 1).repeat(2, 2)).mean() < 2
        assert "compressed" not in note


def test_jpeg_cannot_keep_a_value_for_holes_which_is_told(tmp_path, nearest):
    save(tmp_path / "a.tif", smooth(1), compress="jpeg", nodata=0)
    made, note = enlarged(tmp_path, nearest)
    with made:
        assert made.compression.name == "deflate"
        assert "compressed by deflate, without loss, instead of JPEG" in note


@pytest.mark.parametrize("outside", [False, True])
def test_overviews_are_built_anew(tmp_path, nearest, outside):
    save(tmp_path / "a.tif", smooth())
    with rasterio.Env(TIFF_USE_OVR=outside), rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.build_overviews([2], Resampling.average)
    assert (tmp_path / "a.tif.ovr").exists() == outside
    made, _ = enlarged(tmp_path, nearest)
    with made:
        assert made.overviews(1) == [2, 4]  # of 800 x 600
        shrunk = made.read(out_shape=(3, 300, 400))
        assert np.abs(shrunk.astype(int) - smooth()).max() <= 1


def test_a_cloud_optimized_one_is_laid_out_as_one(tmp_path, nearest):
    save(tmp_path / "whole.tif", smooth(), tags={"own": "x"})
    copy(tmp_path / "whole.tif", tmp_path / "a.tif", driver="COG", COMPRESS="ZSTD", BLOCKSIZE=128)
    (tmp_path / "whole.tif").unlink()
    made, _ = enlarged(tmp_path, nearest)
    with made:
        structure = made.tags(ns="IMAGE_STRUCTURE")
        assert (structure["LAYOUT"], structure["COMPRESSION"]) == ("COG", "ZSTD")
        assert made.overviews(1)
        assert made.tags()["own"] == "x"
        assert made.transform == NORTH_UP * NORTH_UP.scale(0.5)
        assert np.array_equal(made.read(), smooth().repeat(2, 1).repeat(2, 2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "b.tif"]


def test_statistics_are_those_of_the_new_pixels(tmp_path, bicubic):
    save(tmp_path / "a.tif", random(2))
    with rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.update_tags(2, STATISTICS_MAXIMUM=199, STATISTICS_MEAN=1, kept="yes")
    made, _ = enlarged(tmp_path, bicubic)
    with made:
        tags, pixels = made.tags(2), made.read(2)
        assert tags["kept"] == "yes"
        assert float(tags["STATISTICS_MAXIMUM"]) == pixels.max()
        assert float(tags["STATISTICS_MEAN"]) == pytest.approx(pixels.mean(), abs=1e-3)
        assert "STATISTICS_MEAN" not in made.tags(1)
    assert not (tmp_path / "b.tif.aux.xml").exists()


def test_metadata_of_any_domain(tmp_path, nearest):
    save(tmp_path / "a.tif", random(2), tags={"TIFFTAG_XRESOLUTION": "300", "TIFFTAG_YRESOLUTION": "200",
                                              "TIFFTAG_RESOLUTIONUNIT": "2"})  # fmt: skip
    with rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.update_tags(ns="MINE", a="1")
        file.update_tags(2, ns="OF_BANDS", b="2")
        file.update_tags(ns="GEOLOCATION", PIXEL_OFFSET="0", LINE_OFFSET="3", PIXEL_STEP="4", LINE_STEP="1")
        file.update_tags(ns="xml:OWN", x="<x/>")
    made, note = enlarged(tmp_path, nearest)
    with made:
        assert made.tags(ns="MINE") == {"a": "1"}
        assert made.tags(2, ns="OF_BANDS") == {"b": "2"}
        assert (made.tags()["TIFFTAG_XRESOLUTION"], made.tags()["TIFFTAG_YRESOLUTION"]) == ("600", "400")
        geolocation = {key: float(value) for key, value in made.tags(ns="GEOLOCATION").items()}
        assert geolocation == {"PIXEL_OFFSET": 0, "LINE_OFFSET": 6, "PIXEL_STEP": 8, "LINE_STEP": 2}
        assert "metadata of xml:OWN left out" in note


def test_colour_profiles_are_kept(tmp_path, nearest):
    save(tmp_path / "a.tif", random(3), SOURCE_ICC_PROFILE="aGVsbG8=")
    made, _ = enlarged(tmp_path, nearest)
    with made:
        assert made.tags(ns="COLOR_PROFILE")["SOURCE_ICC_PROFILE"] == "aGVsbG8="


def plain_tiff(path):
    tifffile.imwrite(path, np.moveaxis(random(), 0, -1), photometric="rgb")
    return path


RPC_TEXT = "\n".join(
    [f"{key}: {value}" for key, value in (("LINE_OFF", 9.5), ("SAMP_OFF", 11.5), ("LAT_OFF", 50), ("LONG_OFF", 8),
     ("HEIGHT_OFF", 0), ("LINE_SCALE", 10), ("SAMP_SCALE", 12), ("LAT_SCALE", 1), ("LONG_SCALE", 1),
     ("HEIGHT_SCALE", 1))]
    + [f"{name}_COEFF_{i}: {float(i == at)}" for name, at in
       (("LINE_NUM", 3), ("LINE_DEN", 1), ("SAMP_NUM", 2), ("SAMP_DEN", 1)) for i in range(1, 21)]
)  # fmt: skip


@pytest.mark.parametrize("name", ["a.tfw", "a.TFW", "a.tifw", "a.wld"])
def test_world_files_beside_a_tiff(tmp_path, nearest, name):
    plain_tiff(tmp_path / "a.tif")
    (tmp_path / name).write_text("10\n0\n0\n-10\n500005\n3999995\n")
    made, _ = enlarged(tmp_path, nearest)
    with made:
        assert made.transform == NORTH_UP * NORTH_UP.scale(0.5)
        assert np.array_equal(made.read(), random().repeat(2, 1).repeat(2, 2))


@pytest.mark.parametrize("damaged", [False, True])
def test_a_prj_beside_a_world_file(tmp_path, nearest, damaged):
    plain_tiff(tmp_path / "a.tif")
    (tmp_path / "a.tfw").write_text("10\n0\n0\n-10\n500005\n3999995\n")
    text = rasterio.CRS.from_epsg(32633).to_wkt(version="WKT1_ESRI")
    (tmp_path / "a.prj").write_text(text[:50] if damaged else text)
    made, note = enlarged(tmp_path, nearest)
    with made:
        assert made.transform == NORTH_UP * NORTH_UP.scale(0.5)
        assert made.crs == (None if damaged else rasterio.CRS.from_epsg(32633))
    assert ("a.prj is left out: no reference system that can be read" in note) == damaged


def test_aux_xml_beside_a_tiff(tmp_path, nearest):
    plain_tiff(tmp_path / "a.tif")
    (tmp_path / "a.tif.aux.xml").write_text(
        "<PAMDataset><SRS>EPSG:32633</SRS><GeoTransform>500000, 10, 0, 4000000, 0, -10</GeoTransform></PAMDataset>"
    )
    made, _ = enlarged(tmp_path, nearest)
    with made:
        assert made.transform == NORTH_UP * NORTH_UP.scale(0.5)
        assert made.crs == rasterio.CRS.from_epsg(32633)


@pytest.mark.parametrize("text", ['{"shape": [20, 24, 3]}', "what it shows"])
def test_the_old_shape_that_python_notes_is_left_out(tmp_path, nearest, text):
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(random(), 0, -1), photometric="rgb", metadata=None,
                     description=text)  # fmt: skip
    (tmp_path / "a.tfw").write_text("10\n0\n0\n-10\n500005\n3999995\n")
    made, _ = enlarged(tmp_path, nearest)
    with made:
        assert made.tags().get("TIFFTAG_IMAGEDESCRIPTION") == (None if "shape" in text else text)
    assert tifffile.imread(tmp_path / "b.tif").shape == (40, 48, 3)


def test_an_aux_xml_of_statistics_alone_makes_no_scene(tmp_path):
    plain_tiff(tmp_path / "a.tif")
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset><PAMRasterBand band='1'/></PAMDataset>")
    with formats.open(tmp_path / "a.tif") as file:
        assert file.layout == "frames"


@pytest.mark.parametrize("inside", [False, True])
def test_polynomials_in_their_own_tag_or_beside(tmp_path, nearest, inside):
    if inside:  # tag 50844 and nothing else that says where it lies
        numbers = [-1, -1, 9.5, 11.5, 50, 8, 0, 10, 12, 1, 1, 1]
        numbers += [float(i == at) for at in (3, 1, 2, 1) for i in range(1, 21)]
        tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(random(), 0, -1), photometric="rgb",
                         extratags=[(50844, 12, 92, numbers, True)])  # fmt: skip
    else:
        plain_tiff(tmp_path / "a.tif")
        (tmp_path / "a_RPC.TXT").write_text(RPC_TEXT)
    made, _ = enlarged(tmp_path, nearest)
    with made:
        assert made.rpcs is not None
        assert (made.rpcs.line_off, made.rpcs.samp_off) == (19.5, 23.5)
        assert (made.rpcs.line_scale, made.rpcs.samp_scale) == (20, 24)


def test_what_lay_beside_an_older_result_is_removed(tmp_path, nearest):
    """GDAL would serve it for the new one."""
    save(tmp_path / "a.tif", random())
    with rasterio.open(tmp_path / "b.tif", "w", driver="GTiff", width=9, height=9, count=1, dtype="uint8") as old:
        old.write(np.ones((1, 9, 9), np.uint8))
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(tmp_path / "b.tif", "r+") as old:
        old.build_overviews([2])
    assert (tmp_path / "b.tif.ovr").exists()
    (tmp_path / "b.tif.aux.xml").write_text(
        "<PAMDataset><SRS>EPSG:4326</SRS><GeoTransform>1, 2, 0, 3, 0, -4</GeoTransform></PAMDataset>"
    )
    (tmp_path / "b_RPC.TXT").write_text(RPC_TEXT)
    made, note = enlarged(tmp_path, nearest)
    with made:
        assert made.transform == NORTH_UP * NORTH_UP.scale(0.5)
        assert made.crs == rasterio.CRS.from_epsg(32633)
        assert made.rpcs is None
        assert made.overviews(1) == []
    assert "removed b.tif.aux.xml, b.tif.ovr, b_RPC.TXT" in note
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "b.tif"]
