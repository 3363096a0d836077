"""Scenes: the same ground under more pixels; read back by rasterio, tifffile and GDAL's own command."""

import json
import shutil
import subprocess
import warnings

import numpy as np
import pytest
import tifffile

import sr
from sr import formats
from sr.errors import UserError
from sr.inference import windows
from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

rasterio = pytest.importorskip("rasterio")
from rasterio.control import GroundControlPoint  # noqa: E402
from rasterio.enums import ColorInterp, MaskFlags  # noqa: E402
from rasterio.rpc import RPC  # noqa: E402
from rasterio.transform import Affine  # noqa: E402

NORTH_UP = Affine(10, 0, 500000, 0, -10, 4e6)
TURNED = NORTH_UP * Affine.rotation(30) * Affine.shear(5, 0)


@pytest.fixture(autouse=True)
def quiet():
    warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)


def random(bands=3, height=20, width=24, dtype=np.uint8, low=20, high=200):
    return np.random.default_rng(0).integers(low, high, (bands, height, width)).astype(dtype)


def is_scene(path) -> bool:
    with formats.open(path) as file:
        return file.layout == "windows"


def save(path, pixels, about=None, mask=None, tags=None, **profile):
    """`about`: properties of rasterio's dataset."""
    profile = {"transform": NORTH_UP, "crs": "EPSG:32633", "driver": "GTiff", **profile}
    size = dict(zip(("count", "height", "width"), pixels.shape, strict=True))
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", dtype=pixels.dtype.name, **size, **profile) as file,
    ):
        for name, value in (about or {}).items():
            setattr(file, name, value)
        file.update_tags(**(tags or {}))
        file.write(pixels)
        if mask is not None:
            file.write_mask(mask)
    return path


def enlarged(tmp_path, enlarger, options=None):
    enlarge_file(tmp_path / "a.tif", tmp_path / "b.tif", enlarger, options or Options())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "b.tif"]  # no .aux.xml, nothing temporary
    return rasterio.open(tmp_path / "b.tif")


@pytest.mark.parametrize("scale", [2, 1.37, 3.3])
@pytest.mark.parametrize("transform", [NORTH_UP, TURNED], ids=["north up", "turned"])
@pytest.mark.parametrize("point", ["Area", "Point"])
def test_the_corners_stay_on_the_ground(tmp_path, bicubic, transform, scale, point):
    save(tmp_path / "a.tif", random(), transform=transform, tags={"AREA_OR_POINT": point})
    with enlarged(tmp_path, bicubic, Options(scale=scale)) as made:
        assert (made.height, made.width) == (round(20 * scale), round(24 * scale))
        assert made.crs == rasterio.CRS.from_epsg(32633)
        assert made.tags()["AREA_OR_POINT"] == point
        for x, y in ((0, 0), (0, 1), (1, 0), (1, 1)):
            assert made.transform * (x * made.width, y * made.height) == pytest.approx(transform * (24 * x, 20 * y))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("bands", [1, 2, 3, 4, 7])
def test_any_type_and_any_number_of_bands(tmp_path, nearest, dtype, bands):
    pixels = random(bands, dtype=dtype, high=100)
    gray = (ColorInterp.gray, *[ColorInterp.undefined] * (bands - 1))  # four of 8 bits would be taken for RGBA
    save(tmp_path / "a.tif", pixels, {"colorinterp": gray} if bands == 4 else None)
    with enlarged(tmp_path, nearest) as made:
        assert set(made.dtypes) == {np.dtype(dtype).name}
        tolerance = 1e-3 if np.dtype(dtype).kind == "f" else 0
        np.testing.assert_allclose(made.read(), pixels.repeat(2, 1).repeat(2, 2), atol=tolerance)
        assert made.is_tiled


def test_what_it_says_of_its_bands_is_kept(tmp_path, nearest):
    colours = (ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.undefined)
    about = {"descriptions": ("B2", "B3", None, "near infrared"), "units": ("K", None, None, "m"),
             "scales": (0.1, 1, 1, 2), "offsets": (-5, 0, 0, 0), "colorinterp": colours}  # fmt: skip
    save(tmp_path / "a.tif", random(4, dtype=np.uint16), about, tags={"TIFFTAG_DATETIME": "2017:05:27", "own": "x"})
    with enlarged(tmp_path, nearest) as made:
        assert {name: getattr(made, name) for name in about} == about
        assert made.tags()["TIFFTAG_DATETIME"] == "2017:05:27"
        assert made.tags()["own"] == "x"


@pytest.mark.parametrize("crs", ["EPSG:4326", None])
def test_ground_control_points_count_new_pixels(tmp_path, nearest, crs):
    points = [GroundControlPoint(r, c, 10 + c / 24, 50 - r / 20) for r, c in ((0, 0), (20, 24), (0, 24), (10.5, 3))]
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", width=24, height=20, count=1, dtype="uint8") as file:
        file.gcps = points, rasterio.CRS.from_string(crs) if crs else rasterio.CRS()
        file.write(random(1))
    with enlarged(tmp_path, nearest, Options(scale=1.5)) as made:
        found, reference = made.gcps
        assert [(p.row, p.col, p.x, p.y) for p in found] == [(1.5 * p.row, 1.5 * p.col, p.x, p.y) for p in points]
        assert (reference == rasterio.CRS.from_epsg(4326)) == (crs is not None)


def test_camera_models_point_at_the_same_ground(tmp_path, nearest):
    poly = [1.0] + [0.0] * 19
    down, across = [0.0, 0, 1] + [0.0] * 17, [0.0, 1] + [0.0] * 18  # latitude and longitude, nothing else
    rpcs = RPC(height_off=0.0, height_scale=1.0, lat_off=50.0, lat_scale=1.0, long_off=8.0, long_scale=1.0,
               line_den_coeff=poly, line_num_coeff=down, line_off=9.5, line_scale=10.0,
               samp_den_coeff=poly, samp_num_coeff=across, samp_off=11.5, samp_scale=12.0)  # fmt: skip
    save(tmp_path / "a.tif", random(1), {"rpcs": rpcs})
    with enlarged(tmp_path, nearest) as made, rasterio.open(tmp_path / "a.tif") as old:
        # The centre of the scene, in pixels from the centre of the first: 9.5, 11.5; of twice as many 19.5, 23.5
        assert (old.rpcs.line_off, old.rpcs.samp_off) == (9.5, 11.5)
        assert (made.rpcs.line_off, made.rpcs.samp_off) == (19.5, 23.5)
        assert (made.rpcs.line_scale, made.rpcs.samp_scale) == (20, 24)
        assert made.rpcs.lat_off == 50


NODATA = [(np.uint8, 0), (np.uint8, 255), (np.int16, -9999), (np.uint16, 0), (np.int32, -(2**31)), (np.float64, 0.0),
          (np.float32, -9999.0), (np.float32, np.nan), (np.float32, -3.4028234663852886e38)]  # fmt: skip


@pytest.mark.parametrize(("dtype", "nodata"), NODATA)
def test_holes_bleed_into_nothing(tmp_path, bicubic, dtype, nodata):
    pixels = np.full((2, 20, 24), 100).astype(dtype)
    pixels[:, 0, 0] = 90  # something to see
    pixels[:, 8:13, 9:17] = nodata
    pixels[1, 5, 20] = nodata  # in one band alone
    save(tmp_path / "a.tif", pixels, nodata=nodata)
    with enlarged(tmp_path, bicubic) as made:
        assert made.nodata == nodata or np.isnan([made.nodata, nodata]).all()
        holes = np.isnan(pixels) if np.isnan(nodata) else pixels == dtype(nodata)
        holes = holes.repeat(2, 1).repeat(2, 2)
        assert np.array_equal(made.read_masks() == 0, holes)
        far = ~holes
        far[:, :8, :8] = False  # what is to be seen
        np.testing.assert_allclose(made.read()[far], 100, atol=1e-3 * (np.dtype(dtype).kind == "f"))


@pytest.mark.parametrize("nodata", [0, 255])
def test_no_valid_pixel_becomes_a_hole(tmp_path, bicubic, nodata):
    pixels = random(1, low=0, high=2) * 253 + 1  # overshoots on both sides
    pixels[0, 3, 4] = nodata
    save(tmp_path / "a.tif", pixels, nodata=nodata)
    with enlarged(tmp_path, bicubic) as made:
        assert (made.read_masks() == 0).sum() == 4


def test_no_valid_float_becomes_a_hole(tmp_path, bicubic):
    pixels = random(1, low=0, high=2, dtype=np.float32) * 0.8 + 0.1  # results are cut below the least that there is
    pixels[0, 3, 4] = 0
    pixels[0, 9:12, 9:12] = 0.9
    pixels[0, 12, 9:12] = 0.001
    save(tmp_path / "a.tif", pixels, nodata=0)
    with enlarged(tmp_path, bicubic) as made:
        assert made.read()[made.read_masks() > 0].min() == pytest.approx(0.001)
        assert (made.read_masks() == 0).sum() == 4


def test_masks_are_enlarged_as_masks(tmp_path, bicubic):
    pixels, mask = np.full((3, 20, 24), 100, np.uint8), np.full((20, 24), True)
    mask[6:9, 7:12] = False
    pixels[:, ~mask] = 3
    save(tmp_path / "a.tif", pixels, mask=mask)
    with enlarged(tmp_path, bicubic) as made:
        assert made.mask_flag_enums[0] == [MaskFlags.per_dataset]
        assert np.array_equal(made.dataset_mask() > 0, mask.repeat(2, 0).repeat(2, 1))
        assert (made.read()[:, made.dataset_mask() > 0] == 100).all()


@pytest.mark.parametrize("colours", [["red", "green", "blue", "alpha"], ["gray", "alpha"]])
def test_what_is_invisible_stays_so_and_has_no_dark_fringe(tmp_path, bicubic, colours):
    pixels = np.full((len(colours), 20, 24), 150, np.uint8)
    pixels[-1] = 255
    pixels[:, :, 12:] = 0
    photometric = {"photometric": "RGB"} if len(colours) == 4 else {}
    save(tmp_path / "a.tif", pixels, {"colorinterp": [ColorInterp[name] for name in colours]}, **photometric)
    with enlarged(tmp_path, bicubic) as made:
        assert [kind.name for kind in made.colorinterp] == colours
        alpha = made.read()[-1]
        assert (alpha[:, 24:] == 0).all()
        assert (alpha[:, :24] > 200).all()
        assert (made.read()[:-1, alpha > 0] == 150).all()


@pytest.mark.parametrize("nodata", [-9999.0, 300.0])
def test_a_nodata_value_that_no_pixel_can_have_hides_nothing(tmp_path, nearest, nodata):
    pixels = random(1)
    text = f"{nodata:g}\0".encode()
    tifffile.imwrite(tmp_path / "a.tif", pixels[0], extratags=[(42113, 2, len(text), text, True)])
    assert is_scene(tmp_path / "a.tif")
    with enlarged(tmp_path, nearest) as made:
        assert np.array_equal(made.read(), pixels.repeat(2, 1).repeat(2, 2))
        assert (made.read_masks() == 255).all()


@pytest.mark.parametrize(("dtype", "nodata"), [(np.float32, -9999.0), (np.uint8, 0), (np.uint8, None)])
def test_the_map_of_what_was_invented_has_the_place_and_nothing_else(tmp_path, bicubic, dtype, nodata):
    about = {"descriptions": ("height",), "scales": (0.1,), "offsets": (7,)}
    save(tmp_path / "a.tif", random(1, dtype=dtype), about, nodata=nodata)
    enlarge_file(tmp_path / "a.tif", tmp_path / "b.tif", bicubic, Options(uncertainty=True))
    with rasterio.open(tmp_path / "b.tif") as made, rasterio.open(tmp_path / "b.tif.invented.tif") as found:
        assert (found.dtypes, found.count, found.nodata) == (("uint8",), 1, None)
        assert (found.transform, found.crs, found.shape) == (made.transform, made.crs, made.shape)
        assert (found.descriptions, found.scales, found.offsets) == ((None,), (1,), (0,))
        assert (made.descriptions, made.scales, made.offsets) == (("height",), (0.1,), (7,))
        assert found.read().max() > 0


def test_a_scene_without_a_single_pixel(tmp_path, bicubic):
    save(tmp_path / "a.tif", np.full((1, 20, 24), -1, np.int16), nodata=-1)
    with enlarged(tmp_path, bicubic) as made:
        assert (made.read() == -1).all()


def test_other_readers_agree(tmp_path, bicubic):
    save(tmp_path / "a.tif", random(), nodata=255)
    with enlarged(tmp_path, bicubic) as made:
        pixels = made.read()
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        page = file.pages[0]
        assert np.array_equal(np.moveaxis(page.asarray(), -1, 0), pixels)
        assert page.tags[33550].value[:2] == (5, 5)
        assert page.tags[42113].value.strip("\0") == "255"
        assert page.geotiff_tags["ProjectedCSTypeGeoKey"] == 32633
        assert page.photometric == 2
    if shutil.which("gdalinfo"):
        command = ["gdalinfo", "-json", str(tmp_path / "b.tif")]
        found = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
        assert found["size"] == [48, 40]
        assert found["geoTransform"] == [500000, 5, 0, 4e6, 0, -5]
        assert [band["noDataValue"] for band in found["bands"]] == [255] * 3


# --- an edge that the scene does not tell ----------------------------------------------------------------------------


def test_nodata_that_the_user_names_bleeds_into_nothing(tmp_path, bicubic):
    """A swath's edge: zeros beside values far above."""
    pixels = np.full((1, 20, 24), 690, np.uint16)
    pixels[:, :, :7] = 0
    save(tmp_path / "a.tif", pixels)
    enlarge_file(tmp_path / "a.tif", tmp_path / "b.tif", bicubic, Options())
    with rasterio.open(tmp_path / "b.tif") as made:
        assert len(np.unique(made.read())) > 2  # or the test could not fail
    with enlarged(tmp_path, bicubic, Options(nodata=0)) as made:
        assert made.nodata == 0
        assert np.array_equal(made.read(), pixels.repeat(2, 1).repeat(2, 2))


def test_it_becomes_that_of_the_file_where_it_has_one(tmp_path, bicubic):
    pixels = random(2, dtype=np.int16)
    pixels[:, :5], pixels[:, :, :6] = 0, -1
    save(tmp_path / "a.tif", pixels, nodata=-1)
    note = enlarge_file(tmp_path / "a.tif", tmp_path / "b.tif", bicubic, Options(nodata=0))
    assert "missing pixels of 0 become -1, as the file has them" in note
    with rasterio.open(tmp_path / "b.tif") as made:
        assert made.nodata == -1
        assert np.array_equal(made.read() == -1, ((pixels == 0) | (pixels == -1)).repeat(2, 1).repeat(2, 2))
        assert made.read()[made.read() != -1].min() >= 20


def test_it_is_marked_where_the_file_has_a_mask_or_transparency(tmp_path, bicubic):
    pixels = random(1)
    pixels[:, :5] = 0
    save(tmp_path / "a.tif", pixels, mask=np.arange(24)[None].repeat(20, 0) > 8)
    with enlarged(tmp_path, bicubic, Options(nodata=0)) as made:
        known = (pixels[0] > 0) & (np.arange(24) > 8)
        assert np.array_equal(made.dataset_mask() > 0, known.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize("value", [-3, 0.5, 256])
def test_a_value_that_no_pixel_can_have(tmp_path, bicubic, value):
    save(tmp_path / "a.tif", random())
    with pytest.raises(UserError, match=rf"a.tif: --nodata {value:g}: pixels are uint8, which hold no such value"):
        enlarge_file(tmp_path / "a.tif", tmp_path / "b.tif", bicubic, Options(nodata=value))
    assert not (tmp_path / "b.tif").exists()


def test_from_python(tmp_path, bicubic):
    pixels = random(1)
    pixels[:, :5] = 0
    save(tmp_path / "a.tif", pixels)
    made = sr.enlarge(tmp_path / "a.tif", bicubic, nodata=0)
    assert np.array_equal(np.isnan(made), (pixels == 0)[0, ..., None].repeat(2, 0).repeat(2, 1))


# --- what is refused --------------------------------------------------------------------------------------------------


def refused(tmp_path, enlarger, message, target="b.tif"):
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=message) as error:
        enlarge_file(tmp_path / "a.tif", tmp_path / target, enlarger, Options())
    assert str(error.value).startswith(f"{tmp_path / 'a.tif'}: ")
    assert "\n" not in str(error.value)
    assert sorted(tmp_path.iterdir()) == before


def test_complex_numbers_are_refused(tmp_path, nearest):
    save(tmp_path / "a.tif", random(1, dtype=np.complex64))
    refused(tmp_path, nearest, "bands of complex64")


def test_several_scenes_in_a_file_are_refused(tmp_path, nearest):
    save(tmp_path / "a.tif", random(1))
    tifffile.imwrite(tmp_path / "a.tif", random(1)[0], append=True)
    refused(tmp_path, nearest, "holds 2 scenes")


def test_no_other_kind_of_file_says_where_it_lies(tmp_path, nearest):
    save(tmp_path / "a.tif", random(3))
    for target in ("b.png", "b.jp2", "b.jpg"):
        refused(tmp_path, nearest, r"name a \.tif", target)


@pytest.mark.parametrize(
    ("dtype", "told"),
    [(np.uint8, "damaged: 13 of its strips"), (np.uint16, "damaged in rows and columns 0:300, 0:200")],
)  # the range of the second is measured before
def test_damage_is_found_and_nothing_is_left(tmp_path, nearest, dtype, told):
    save(tmp_path / "a.tif", random(3, 300, 200, dtype, 0, 250), compress="deflate")
    whole = (tmp_path / "a.tif").read_bytes()
    assert is_scene(tmp_path / "a.tif")
    (tmp_path / "a.tif").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path, nearest, told)
    (tmp_path / "a.tif").write_bytes(b"II*\0 no scene")
    with pytest.raises(formats.Unreadable, match=r"a\.tif: cannot be decoded"):
        formats.open(tmp_path / "a.tif")


def test_a_mask_whose_directory_is_damaged_is_told(tmp_path, nearest):
    """GDAL opens the file, keeps the error, and raises it at the next question."""
    save(tmp_path / "a.tif", random(), mask=np.arange(480).reshape(20, 24) > 99)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        at = file.pages[1].offset
    data = bytearray((tmp_path / "a.tif").read_bytes())
    data[at : at + 30] = b"\xff" * 30
    (tmp_path / "a.tif").write_bytes(data)
    refused(tmp_path, nearest, "no scene that can be read")


def test_plain_pictures_are_no_scenes(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", random()[0])
    assert not is_scene(tmp_path / "a.tif")
    assert not is_scene(save(tmp_path / "a.png", random(), driver="PNG"))


@pytest.mark.parametrize("name", ["a.jp2", "a.j2k"])
def test_jpeg_2000_becomes_a_geotiff(tmp_path, nearest, name):
    pixels = random(3, 64, 80, np.uint16, 0, 4000)
    codec = {"CODEC": "J2K"} if name == "a.j2k" else {}  # the bare codestream, as it is taken out of DICOM
    save(tmp_path / name, pixels, driver="JP2OpenJPEG", QUALITY=100, REVERSIBLE="YES", **codec)
    enlarge_file(tmp_path / name, tmp_path / "b.tif", nearest, Options())
    with rasterio.open(tmp_path / "b.tif") as made:
        assert made.driver == "GTiff"
        assert np.array_equal(made.read(), pixels.repeat(2, 1).repeat(2, 2))
        assert made.transform.almost_equals(NORTH_UP * Affine.scale(0.5), 1e-9)


@pytest.mark.parametrize(
    "name", ["L7_ETM_olinda_6band_28m_u8", "NEON_OSBS_029_rgb_0.1m_u8", "riocolor_L8_rgb16_60m_u16"]
)
def test_real_scenes_in_windows_are_those_of_the_whole(samples, tmp_path, monkeypatch, bicubic, name):
    source = samples / "satellite" / f"{name}.tif"
    enlarge_file(source, tmp_path / "whole.tif", bicubic, Options())
    monkeypatch.setattr(windows, "WINDOW_PX", 128)
    monkeypatch.setattr(windows, "BLOCK_PX", 64)
    enlarge_file(source, tmp_path / "parts.tif", bicubic, Options())
    with (
        rasterio.open(source) as old,
        rasterio.open(tmp_path / "whole.tif") as whole,
        rasterio.open(tmp_path / "parts.tif") as parts,
    ):
        assert whole.bounds == pytest.approx(old.bounds)
        assert (whole.count, whole.crs, whole.nodata, whole.colorinterp) == (
            old.count, old.crs, old.nodata, old.colorinterp)  # fmt: skip
        pixels = whole.read().astype(int)
        assert np.abs(pixels - parts.read()).max() <= 1
        shrunk = pixels.reshape(old.count, old.height, 2, old.width, 2).mean((2, 4))
        assert np.abs(shrunk - old.read()).mean() < 0.15 * old.read().std()
