"""Scenes: GeoTIFF of any number of bands, read and written in windows; what lies where is kept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from sr.atomic import replacing
from sr.errors import UserError, optional, reason

from . import missing

Array = np.ndarray[Any, np.dtype[Any]]
# TIFF tags that GDAL and GeoTIFF write: pixel scale, tie points, matrix, keys, metadata, nodata
GEO_TAGS = (33550, 33922, 34264, 34735, 42112, 42113)
LARGE_PX = 1 << 27  # a TIFF from here on is read in windows, whatever it says of itself
BLOCK_PX = 512
CACHE_BYTES = 128 << 20  # of GDAL; by default it takes a twentieth of the machine


class UnreadableScene(UserError):
    """A scene that cannot be read, or that cannot be enlarged rightly."""


@dataclass
class Scene:
    """An open scene.

    Args:
        path: of its file.
        source: the open dataset of rasterio.
        height, width, bands: its size.
        dtype: of its pixels.
        alpha: the last band is transparency.
        masked: some pixels may be missing.
        own: the pixels are those of the source, and not a map of them.
    """

    path: Path
    source: Any
    height: int
    width: int
    bands: int
    dtype: np.dtype[Any]
    alpha: bool
    masked: bool
    own: bool = True

    @property
    def nodata(self) -> float | None:
        """The value of pixels that are missing, where one is named that the pixels can have."""
        from rasterio.dtypes import in_dtype_range

        value = self.source.nodata if self.masked else None
        return value if value is None or in_dtype_range(value, self.dtype.name) else None

    def read(self, rows: slice, columns: slice) -> Array:
        """Pixels of a window, H W C; where some may be missing as float, and the missing ones are NaN."""
        from rasterio.errors import RasterioError
        from rasterio.windows import Window

        window = Window.from_slices(rows, columns)
        try:
            pixels = np.moveaxis(self.source.read(window=window), 0, -1)
            if not self.masked:
                return pixels
            valid = np.moveaxis(self.source.read_masks(window=window), 0, -1) != 0
        except RasterioError as error:
            place = f"{rows.start}:{rows.stop}, {columns.start}:{columns.stop}"
            raise UnreadableScene(f"{self.path}: damaged in rows and columns {place} ({reason(error)})") from error
        if self.alpha:
            valid[..., -1] = True
        return missing.masked(pixels, ~valid)


@contextmanager
def reading(path: str | Path) -> Iterator[Scene]:
    """Open a scene.

    Raises:
        UnreadableScene: not a raster that GDAL knows, or one of classes, complex numbers, several scenes.
        MissingError: rasterio is not installed.
    """
    rasterio = optional("rasterio", f"{path}: scenes need rasterio", "satellite")
    from rasterio.errors import RasterioError

    path = Path(path)
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES, GDAL_TIFF_INTERNAL_MASK=True, GDAL_NUM_THREADS="ALL_CPUS"):
        try:
            source = rasterio.open(path, driver="JP2OpenJPEG" if path.suffix.lower() == ".jp2" else "GTiff")
        except RasterioError as error:
            raise UnreadableScene(f"{path}: no scene that can be read ({reason(error)})") from error
        with source:
            if source.subdatasets:
                raise UnreadableScene(f"{path}: holds {len(source.subdatasets)} scenes; give them one by one")
            kinds = [interpretation.name for interpretation in source.colorinterp]
            dtype = np.dtype(source.dtypes[0])
            if "palette" in kinds:
                raise UnreadableScene(f"{path}: a palette of classes; what lies between two classes is none")
            if source.tags(1, ns="IMAGE_STRUCTURE").get("NBITS") == "1":
                raise UnreadableScene(f"{path}: of one bit, two classes; what lies between them is none")
            if len(set(source.dtypes)) > 1 or dtype.kind not in "uif":
                raise UnreadableScene(f"{path}: bands of {', '.join(map(str, set(source.dtypes)))}; integers "
                                      "or floats of one type are needed")  # fmt: skip
            masked = any([flag.name for flag in flags] != ["all_valid"] for flags in source.mask_flag_enums)
            alpha = kinds[-1] == "alpha"
            yield Scene(path, source, source.height, source.width, source.count, dtype, alpha, masked)


@contextmanager
def writing(path: str | Path, scene: Scene, height: int, width: int) -> Iterator[Callable[[slice, slice, Array], None]]:
    """A GeoTIFF of as many bands, over the same extent, of other pixels: whole or not at all.

    Yields:
        A function that writes a window: its rows, its columns, pixels H W C, NaN where they are missing.
    """
    import rasterio
    from rasterio.windows import Window

    source, nodata = scene.source, scene.nodata
    across, down = width / scene.width, height / scene.height
    profile = {
        "driver": "GTiff", "width": width, "height": height, "count": scene.bands, "dtype": scene.dtype.name,
        "crs": source.crs, "nodata": nodata, "tiled": True, "blockxsize": BLOCK_PX, "blockysize": BLOCK_PX,
        "interleave": "pixel" if scene.bands in (3, 4) else "band", "bigtiff": "IF_SAFER",
        "compress": "deflate", "zlevel": 1, "predictor": 3 if scene.dtype.kind == "f" else 2,
    }  # fmt: skip
    if scene.bands in (3, 4) and source.colorinterp[0].name == "red":
        profile["photometric"] = "RGB"
    if not source.transform.is_identity or source.crs is not None:
        profile["transform"] = source.transform * source.transform.scale(1 / across, 1 / down)
    keep_mask = scene.masked and source.nodata is None and not scene.alpha

    with replacing(path) as temporary, rasterio.open(temporary, "w", **profile) as target:
        _place(target, source, across, down)
        if scene.own:
            _describe(target, source)

        def write(rows: slice, columns: slice, pixels: Array) -> None:
            window = Window.from_slices(rows, columns)
            if scene.alpha and scene.masked:  # what is invisible stays so: its colours are none
                hidden = np.isnan(pixels[..., :-1]).any(-1, keepdims=True)
                pixels = np.concatenate([pixels[..., :-1], np.where(hidden, 0, pixels[..., -1:])], -1)
            target.write(np.moveaxis(missing.stored(pixels, scene.dtype, nodata), -1, 0), window=window)
            if keep_mask:
                target.write_mask(~np.isnan(pixels).all(-1), window=window)

        yield write


def _describe(target: Any, source: Any) -> None:
    """What a scene says of its pixels."""
    target.update_tags(**source.tags())
    for band in range(1, source.count + 1):
        tags = {key: value for key, value in source.tags(band).items() if not key.startswith("STATISTICS_")}
        target.update_tags(band, **tags)
    target.descriptions, target.units = source.descriptions, source.units
    target.scales, target.offsets = source.scales, source.offsets
    target.colorinterp = source.colorinterp


def _place(target: Any, source: Any, across: float, down: float) -> None:
    """Where it lies, other than by its transform, in the pixels of the new one."""
    from rasterio.crs import CRS

    points, crs = source.gcps
    if points:
        for point in points:
            point.row, point.col = point.row * down, point.col * across
        target.gcps = (points, crs or CRS())
    if source.rpcs is not None:
        # RPCs count from the centre of the first pixel.
        rpcs = source.rpcs
        rpcs.line_off, rpcs.samp_off = (rpcs.line_off + 0.5) * down - 0.5, (rpcs.samp_off + 0.5) * across - 0.5
        rpcs.line_scale, rpcs.samp_scale = rpcs.line_scale * down, rpcs.samp_scale * across
        target.rpcs = rpcs


def is_scene(path: Path) -> bool:
    """Whether a TIFF says where on earth it lies, or is too large for anything but windows."""
    if path.suffix.lower() == ".jp2":
        return True
    if path.suffix.lower() not in (".tif", ".tiff"):
        return False
    try:
        with tifffile.TiffFile(path) as file:
            page: Any = file.pages[0]
            return any(tag in page.tags for tag in GEO_TAGS) or page.imagewidth * page.imagelength > LARGE_PX
    except Exception:  # whatever a damaged header makes of it: the reader of images tells
        return False
