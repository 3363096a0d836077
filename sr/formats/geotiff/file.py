"""Scenes: GeoTIFF of any number of bands, read and written in windows; georeferencing is kept."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from tqdm import tqdm

from sr.errors import UserError, optional, reason
from sr.image.range import Range

from ..base import ALL, Array, File, Unreadable, is_named
from ..beside import places_it
from ..checksums import check_tiff
from ..nodata import masked
from ..picture.limits import refuse_bombs
from ..picture.suffixes import TIFF
from . import classes
from .writing import BLOCK_PX, writing

# Numbers of the TIFF tags that only GDAL and GeoTIFF write: pixel scale, tie points, matrix, keys, metadata, nodata,
# rational polynomials
GEO_TAGS = (33550, 33922, 34264, 34735, 42112, 42113, 50844)
JPEG_2000 = frozenset({".jp2", ".j2k", ".j2c", ".jpc", ".jpx"})
LARGE_PX = 1 << 27  # a larger TIFF is read in windows even without these tags
CACHE_BYTES = 128 << 20  # of GDAL, whose default is a twentieth of the memory


class Scene(File):
    """A georeferenced image, or one too large to be read at once. GDAL opens it, by its name.

    Each band has a range of its own, as bands may measure different things, unless all name the same unit.
    """

    kind = "picture"
    suffixes = JPEG_2000
    layout = "windows"
    given: float | None = None  # by the user: the value of missing pixels

    @classmethod
    def claims(cls, path: Path, handle: BinaryIO) -> bool:
        if path.suffix.lower() in JPEG_2000:
            return True
        if path.suffix.lower() not in TIFF:
            return False
        try:
            page: Any = tifffile.TiffFile(handle).pages[0]
            large = page.imagewidth * page.imagelength > LARGE_PX
            return large or any(tag in page.tags for tag in GEO_TAGS) or places_it(path) or classes.names(path)
        except Exception:  # a damaged header: Picture is asked next, and says what is wrong
            return False

    @classmethod
    def split(cls, path: Path) -> tuple[str, str]:
        return path.stem, ".tif"  # JPEG 2000 is read, but not written

    def __init__(self, path: Path, handle: BinaryIO) -> None:
        super().__init__(path, handle)
        rasterio = optional("rasterio", f"{path}: scenes need rasterio", "satellite")
        from rasterio._err import CPLE_BaseError
        from rasterio.errors import RasterioError

        self.opened = ExitStack()
        self.opened.enter_context(
            rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES, GDAL_TIFF_INTERNAL_MASK=True, GDAL_NUM_THREADS="ALL_CPUS")
        )
        try:
            driver = "JP2OpenJPEG" if path.suffix.lower() in JPEG_2000 else "GTiff"
            self.source = source = self.opened.enter_context(rasterio.open(path, driver=driver))
            self.dtype = np.dtype(source.dtypes[0])
            self._refuse()
            self._describe(source)
        except (RasterioError, CPLE_BaseError) as error:  # GDAL keeps an error, which the next question raises
            self.opened.close()
            raise Unreadable(f"{path}: no scene that can be read ({reason(error)})") from error
        except BaseException:
            self.opened.close()
            raise

    def _describe(self, source: Any) -> None:
        kinds = [interpretation.name for interpretation in source.colorinterp]
        self.alpha = kinds[-1] == "alpha"
        self.masked = any([flag.name for flag in flags] != ["all_valid"] for flags in source.mask_flag_enums)
        self.missing = self.masked or self.dtype.kind == "f"
        rgb = ("red", "green", "blue")
        self.colours = tuple(map(kinds.index, rgb)) if set(rgb) <= set(kinds) else None  # type: ignore[assignment]
        self.shape = (1, source.height, source.width, source.count)
        self.slope = tuple(scale or 1.0 for scale in source.scales)
        self.intercept = tuple(map(float, source.offsets))
        self.labels = classes.said_by(source, self.path) or self.labels
        self.spacing = (abs(source.transform.e), abs(source.transform.a))

    def _refuse(self) -> None:
        """Raise Unreadable for what cannot be enlarged without being wrong."""
        source, path = self.source, self.path
        if source.subdatasets:
            raise Unreadable(f"{path}: holds {len(source.subdatasets)} scenes; give them one by one")
        if len(set(source.dtypes)) > 1 or self.dtype.kind not in "uif":
            kinds = ", ".join(map(str, set(source.dtypes)))
            raise Unreadable(f"{path}: bands of {kinds}; integers or floats of one type are needed")

    def close(self) -> None:
        self.opened.close()
        super().close()

    @property
    def nodata(self) -> float | None:
        """The stored value of missing pixels; None without one, or where this type of pixels cannot hold it."""
        from rasterio.dtypes import in_dtype_range

        value = self.source.nodata if self.masked else None
        return self.given if value is None or not in_dtype_range(value, self.dtype.name) else value

    def use_nodata(self, value: float) -> None:
        """Take pixels of this value for missing, as if the file said so; the result says it.

        Raises:
            UserError: no pixel of this type has the value.
        """
        from rasterio.dtypes import in_dtype_range

        whole = self.dtype.kind == "f" or value == np.round(value)
        if not (whole and in_dtype_range(value, self.dtype.name)):
            raise UserError(f"{self.path}: --nodata {value:g}: pixels are {self.dtype}, which hold no such value")
        if self.nodata not in (None, value):
            self.notes.append(f"missing pixels of {value:g} become {self.nodata:g}, as the file has them")
        self.given, self.masked, self.missing = value, True, True

    def read(self, rows: slice = ALL, columns: slice = ALL) -> Array:
        """Pixels of a window, H W C, stored values; where pixels may be missing as float, with NaN for these."""
        from rasterio.errors import RasterioError
        from rasterio.windows import Window

        rows, columns = (slice(*side.indices(n)) for side, n in zip((rows, columns), self.shape[1:3], strict=True))
        window = Window.from_slices(rows, columns)
        try:
            pixels = np.moveaxis(self.source.read(window=window), 0, -1)
            if not self.masked or (self.as_labels and self.nodata is not None):  # which is one of the labels
                return pixels
            valid = np.moveaxis(self.source.read_masks(window=window), 0, -1) != 0
        except RasterioError as error:
            place = f"{rows.start}:{rows.stop}, {columns.start}:{columns.stop}"
            raise Unreadable(f"{self.path}: damaged in rows and columns {place} ({reason(error)})") from error
        if self.given is not None:
            valid &= pixels != self.given
        if self.alpha:
            valid[..., -1] = True
        return masked(pixels, ~valid)

    def frames(self) -> Iterator[Array]:
        refuse_bombs(self.path, self.shape[1] * self.shape[2])  # larger scenes can only be read in windows
        yield self.read()

    def glimpse(self) -> Range:
        if self._range is not None:
            return self._range
        return self.measure(self._few_blocks(), 9 * BLOCK_PX**2)

    def some(self) -> Iterator[Array]:
        if not self.colours:
            yield from self._few_blocks()

    def parts(self) -> Iterator[Array]:
        height, width = self.shape[1:3]
        corners = list(product(range(0, height, BLOCK_PX), range(0, width, BLOCK_PX)))
        yield from self._blocks(tqdm(corners, desc="range", disable=len(corners) < 64, leave=False))

    def _few_blocks(self) -> Iterator[Array]:
        tops, lefts = (np.linspace(0, max(n - BLOCK_PX, 0), 3).astype(int) for n in self.shape[1:3])
        return self._blocks(product(sorted(set(tops)), sorted(set(lefts))))

    def _blocks(self, corners: Iterable[tuple[int, int]]) -> Iterator[Array]:
        for top, left in corners:
            yield self.read(slice(top, top + BLOCK_PX), slice(left, left + BLOCK_PX))

    def find_range(self) -> Range:
        """What the type can hold for 8 bits, and for RGB of 16 bits; measured for all others, as of any TIFF."""
        if self.dtype == np.uint8 or (self.colours and self.dtype == np.uint16):
            return Range.of_type(self.dtype)
        units = set(self.source.units)
        return self.measured(together=bool(self.colours) or (len(units) == 1 and units not in ({None}, {""})))

    def refuse(self, target: Path) -> None:
        if not is_named(target, TIFF):
            raise UserError(f"{self.path}: a scene becomes a GeoTIFF; name a .tif instead of {target.name}")

    @contextmanager
    def writer(
        self, target: Path, size: tuple[int, ...], how: str = "", plain: bool = False
    ) -> Iterator[Callable[..., None]]:
        """A GeoTIFF over the same extent: with as many bands of the same type, or if `plain` one band of 8 bits."""
        if self.source.driver == "GTiff" and not plain:
            self.handle.seek(0)
            with self.decoding():
                check_tiff(self.path, tifffile.TiffFile(self.handle))
        with writing(self, target, (size[0], size[1]), plain) as write:
            yield write
