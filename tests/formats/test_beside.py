"""Pictures with a world file: GDAL finds the same ground under the larger one."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sr.formats import beside
from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

rasterio = pytest.importorskip("rasterio")

TURNED = [8.66, 5.0, 5.0, -8.66, 500000.0, 4e6]


@pytest.fixture(autouse=True)
def quiet():
    warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)


def picture(path, size=(24, 20)):
    pixels = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def corners(path):
    with rasterio.open(path) as file:
        return [file.transform * (x * file.width, y * file.height) for x, y in ((0, 0), (1, 0), (0, 1), (1, 1))]


@pytest.mark.parametrize(
    ("suffix", "world"),
    [(".jpg", ".jgw"), (".png", ".pgw"), (".png", ".wld"), (".jpg", ".jpgw"), (".bmp", ".bpw"), (".gif", ".gfw")],
)
@pytest.mark.parametrize("scale", [2, 1.3])
def test_world_files(tmp_path, bicubic, suffix, world, scale):
    source = picture(tmp_path / f"a{suffix}")
    source.with_suffix(world).write_text("\n".join(map(str, TURNED)))
    source.with_suffix(".prj").write_text("LOCAL_CS[]")
    note = enlarge_file(source, tmp_path / f"b{suffix}", bicubic, Options(scale=scale))
    np.testing.assert_allclose(corners(tmp_path / f"b{suffix}"), corners(source), rtol=1e-9)
    assert "beside it" in note
    assert (tmp_path / "b.prj").read_text() == "LOCAL_CS[]"


def test_aux_xml_holds_place_and_points_and_loses_counts(tmp_path, bicubic):
    source = picture(tmp_path / "a.png")
    aux = tmp_path / "a.png.aux.xml"
    aux.write_text(
        "<PAMDataset><SRS>EPSG:32633</SRS><GeoTransform>500000, 10, 0, 4000000, 0, -10</GeoTransform>"
        "<Metadata domain='MINE'><MDI key='own'>x</MDI></Metadata><PAMRasterBand band='1'><Histograms><HistItem/>"
        "</Histograms><Metadata><MDI key='STATISTICS_MEAN'>3</MDI></Metadata></PAMRasterBand></PAMDataset>"
    )
    enlarge_file(source, tmp_path / "b.png", bicubic, Options())
    np.testing.assert_allclose(corners(tmp_path / "b.png"), corners(source))
    with rasterio.open(tmp_path / "b.png") as made:
        assert made.crs == rasterio.CRS.from_epsg(32633)
        assert made.tags(ns="MINE") == {"own": "x"}
        assert made.tags(1) == {}
    assert "Hist" not in (tmp_path / "b.png.aux.xml").read_text()
    aux.write_text(
        "<PAMDataset><GCPList Projection='EPSG:4326'><GCP Id='1' Info='' Pixel='12' Line='10' X='8' Y='50' Z='0'/>"
        "</GCPList></PAMDataset>"
    )
    enlarge_file(source, tmp_path / "b.png", bicubic, Options())
    with rasterio.open(tmp_path / "b.png") as made:
        ((point,), crs) = made.gcps
        assert (point.col, point.row, point.x, point.y) == (24, 20, 8, 50)
        assert crs == rasterio.CRS.from_epsg(4326)


def test_arrays_of_longitude_and_latitude_count_new_pixels(tmp_path, bicubic):
    source = picture(tmp_path / "a.png")
    (tmp_path / "a.png.aux.xml").write_text(
        "<PAMDataset><Metadata domain='GEOLOCATION'><MDI key='X_BAND'>1</MDI><MDI key='PIXEL_OFFSET'>0</MDI>"
        "<MDI key='LINE_OFFSET'>3</MDI><MDI key='PIXEL_STEP'>4</MDI><MDI key='LINE_STEP'>1</MDI></Metadata>"
        "</PAMDataset>"
    )
    enlarge_file(source, tmp_path / "b.png", bicubic, Options())
    with rasterio.open(tmp_path / "b.png") as made:
        numbers = {key: float(value) for key, value in made.tags(ns="GEOLOCATION").items()}
    assert numbers == {"X_BAND": 1, "PIXEL_OFFSET": 0, "LINE_OFFSET": 6, "PIXEL_STEP": 8, "LINE_STEP": 2}


def test_what_lay_beside_an_older_result_is_removed(tmp_path, bicubic):
    source = picture(tmp_path / "a.png")
    for name in ("b.png.aux.xml", "b.pgw"):
        (tmp_path / name).write_text("old")
    note = enlarge_file(source, tmp_path / "b.png", bicubic, Options())
    assert "removed b.png.aux.xml, b.pgw, made for the file that was there before" in note
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_picture_enlarged_in_place_keeps_its_place(tmp_path, bicubic):
    source = picture(tmp_path / "a.png")
    source.with_suffix(".pgw").write_text("\n".join(map(str, TURNED)))
    before = corners(source)
    enlarge_file(source, source, bicubic, Options(), overwrite=True)
    np.testing.assert_allclose(corners(source), before)


@pytest.mark.parametrize("content", ["", "1 2 3", "a b c d e f", "\0\0"])
def test_a_damaged_world_file_is_told(tmp_path, bicubic, content):
    picture(tmp_path / "a.png").with_suffix(".pgw").write_text(content)
    note = enlarge_file(tmp_path / "a.png", tmp_path / "b.png", bicubic, Options())
    assert "a.pgw is left out: six numbers are needed in it" in note
    assert not (tmp_path / "b.pgw").exists()


def test_a_picture_that_is_turned_upright_tells_what_is_left_out(tmp_path, bicubic):
    exif = Image.Exif()
    exif[274] = 6
    Image.open(picture(tmp_path / "a.png")).save(tmp_path / "a.jpg", exif=exif)
    (tmp_path / "a.jgw").write_text("\n".join(map(str, TURNED)))
    note = enlarge_file(tmp_path / "a.jpg", tmp_path / "b.jpg", bicubic, Options())
    assert "what lies beside it and places it is left out: the picture is turned upright" in note
    assert not (tmp_path / "b.jgw").exists()


def test_polynomials_beside_a_picture_are_told(tmp_path, bicubic):
    picture(tmp_path / "a.jpg")
    (tmp_path / "a_RPC.TXT").write_text("LINE_OFF: 1")
    note = enlarge_file(tmp_path / "a.jpg", tmp_path / "b.jpg", bicubic, Options())
    assert "a_RPC.TXT is left out" in note


def test_a_world_file_by_hand():
    # Pixels of 10 m, the corner at 0, 100: the first centre lies 5 m from it, and of half as large ones 2.5 m.
    assert beside.scaled_world([10, 0, 0, -10, 5, 95], 2, 2) == [5, 0, 0, -5, 2.5, 97.5]


def test_names_without_a_suffix():
    assert beside.world_names(Path("a")) == []
