"""Scenes: where they lie and how they say so, what is missing, how they are stored."""

from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tests.corpus import Sample

WORLD = "10\n0\n0\n-10\n500005\n3999995\n"
AUX = "<PAMDataset><SRS>EPSG:32633</SRS><GeoTransform>500000, 10, 0, 4000000, 0, -10</GeoTransform></PAMDataset>"


def samples() -> Iterator[Sample]:
    if find_spec("rasterio") is None:
        return
    from rasterio.enums import ColorInterp

    for dtype in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"):
        yield Sample(f"scenes/{dtype}.tif", partial(_saved, bands=1, dtype=dtype), {"dtypes": (dtype,)}, within=1e-3)
    yield Sample("scenes/turned.tif", partial(_saved, turned=True))
    yield Sample("scenes/point.tif", partial(_saved, tags={"AREA_OR_POINT": "Point", "own": "x"}))
    yield Sample("scenes/degrees.tif", partial(_saved, crs="EPSG:4326"))
    rgb = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    yield Sample("scenes/rgb.tif", partial(_saved, about={"colorinterp": rgb}), {"colours": ["red", "green", "blue"]})
    yield Sample("scenes/rgb_16.tif", partial(_saved, dtype="uint16", about={"colorinterp": rgb}))
    undefined = (ColorInterp.gray, *[ColorInterp.undefined] * 6)
    yield Sample("scenes/bands.tif", partial(_saved, bands=7, dtype="uint16", about={"colorinterp": undefined}))
    about = {
        "descriptions": ("B2", "B3", None),
        "units": ("K", None, "m"),
        "scales": (0.1, 1, 2),
        "offsets": (-5, 0, 0),
    }
    yield Sample("scenes/said.tif", partial(_saved, dtype="uint16", about=about), {"units": ("K", None, "m")})
    yield Sample("scenes/domain.tif", partial(_saved, domain={"key": "own"}), {"domains": {"MINE": {"key": "own"}}})
    yield Sample("scenes/holes.tif", partial(_saved, bands=1, dtype="int16", nodata=-9999), {"nodata": "-9999.0"})
    yield Sample("scenes/holes_nan.tif", partial(_saved, bands=1, dtype="float32", nodata=float("nan")), within=1e-3)
    yield Sample("scenes/holes_float.tif", partial(_saved, bands=1, dtype="float32", nodata=-1e20), within=1e-3)
    yield Sample("scenes/mask.tif", partial(_saved, masked=True), {"masks": [["per_dataset"]] * 3})
    clear = (*rgb, ColorInterp.alpha)
    yield Sample("scenes/alpha.tif", partial(_saved, bands=4, about={"colorinterp": clear}, opaque=True),
                 {"colours": ["red", "green", "blue", "alpha"]})  # fmt: skip
    for compress in ("lzw", "deflate", "zstd", "packbits"):
        lost = ("compression",) if compress == "packbits" else ()
        yield Sample(f"scenes/{compress}.tif", partial(_saved, dtype="uint16", compress=compress), lost=lost)
    jpeg = {"compress": "jpeg", "photometric": "YCBCR", "interleave": "pixel", "smooth": True}
    yield Sample("scenes/jpeg.tif", partial(_saved, **jpeg), {"compression": "YCbCr JPEG"}, within=3)
    yield Sample("scenes/overviews.tif", partial(_saved, overviews=True), {"overviews": True})
    yield Sample("scenes/cloud.tif", _cloud, {"layout": "COG"}, lost=("overviews",))
    yield Sample("scenes/statistics.tif", partial(_saved, statistics=True), {"statistics": [True] * 3})
    yield Sample("scenes/points.tif", _points)
    yield Sample("scenes/polynomials.tif", _polynomials)
    for name, beside in (("world.tif", {"world.tfw": WORLD}), ("aux.tif", {"aux.tif.aux.xml": AUX})):
        yield Sample(f"scenes/{name}", partial(_plain, beside=beside))
    yield Sample("scenes/polynomials_beside.tif", partial(_plain, polynomials=True))
    yield Sample("scenes/palette.tif", _palette, {"colours": ["palette"]}, ("labels (a palette), by nearest",))
    thematic = {"bands": 1, "dtype": "int16", "tags": {"LAYER_TYPE": "thematic"}, "nodata": 20}
    yield Sample("scenes/thematic.tif", partial(_saved, **thematic), told=("labels (LAYER_TYPE=thematic), by nearest",))
    yield Sample("scenes/bits.tif", partial(_saved, bands=1, nbits=1), {"bits": "1"}, ("labels (a palette)",))
    yield Sample("scenes/complex.tif", partial(_saved, bands=1, dtype="complex64"), refused="integers or floats")


def _saved(path: Path, bands: int = 3, dtype: str = "uint8", **more: Any) -> None:
    import rasterio

    from tests.formats.geotiff.test_file import NORTH_UP, TURNED, random, save
    from tests.formats.geotiff.test_writing import smooth

    pixels = smooth(bands, 48, 64) if more.pop("smooth", False) else random(bands, dtype=dtype, high=100)
    if more.pop("opaque", False):
        pixels[-1] = 255
    if more.get("nodata") is not None:
        pixels[:, 4:9, 3:12] = more["nodata"]
    mask = np.ones(pixels.shape[1:], bool) if more.pop("masked", False) else None
    if mask is not None:
        mask[4:9, 3:12] = False
    domain, overviews, statistics = (more.pop(key, None) for key in ("domain", "overviews", "statistics"))
    save(path, pixels, more.pop("about", None), mask, more.pop("tags", None),
         **{"transform": TURNED if more.pop("turned", False) else NORTH_UP} | more)  # fmt: skip
    with rasterio.open(path, "r+") as file:
        if domain:
            file.update_tags(ns="MINE", **domain)
        if overviews:
            file.build_overviews([2, 4], rasterio.enums.Resampling.average)
        if statistics:
            file.update_stats(stats=file.stats(indexes=file.indexes), indexes=file.indexes)


def _cloud(path: Path) -> None:
    from rasterio.shutil import copy

    _saved(path.with_name("plain.tif"))
    copy(path.with_name("plain.tif"), path, driver="COG", BLOCKSIZE=512)
    path.with_name("plain.tif").unlink()


def _points(path: Path) -> None:
    import rasterio
    from rasterio.control import GroundControlPoint

    from tests.formats.geotiff.test_file import random

    points = [GroundControlPoint(r, c, 10 + c / 24, 50 - r / 20) for r, c in ((0, 0), (20, 24), (0, 24), (10.5, 3))]
    with rasterio.open(path, "w", driver="GTiff", width=24, height=20, count=1, dtype="uint8") as file:
        file.gcps = points, rasterio.CRS.from_epsg(4326)
        file.write(random(1))


def _polynomials(path: Path) -> None:
    import tifffile

    numbers = [-1, -1, 9.5, 11.5, 50, 8, 0, 10, 12, 1, 1, 1]
    numbers += [float(i == at) for at in (3, 1, 2, 1) for i in range(1, 21)]
    tifffile.imwrite(path, np.random.default_rng(0).integers(20, 200, (20, 24, 3), np.uint8), photometric="rgb",
                     extratags=[(50844, 12, 92, numbers, True)])  # fmt: skip


def _plain(path: Path, beside: dict[str, str] | None = None, polynomials: bool = False) -> None:
    from tests.formats.geotiff.test_writing import RPC_TEXT, plain_tiff

    plain_tiff(path)
    for name, text in (beside or {f"{path.stem}_RPC.TXT": RPC_TEXT}).items():
        path.with_name(name).write_text(text)


def _palette(path: Path) -> None:
    import rasterio

    _saved(path, bands=1)
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {i: (i, 255 - i, 0, 255) for i in range(100)})
