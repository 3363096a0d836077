"""Writing an enlarged scene as GeoTIFF: over the same ground, as it was stored, with what was said of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sr.atomic import replacing

from ..base import Array
from ..beside import forget, scaled_geolocation
from ..nodata import stored
from ..picture.meta import OF_THE_OLD_SIZE
from . import classes

if TYPE_CHECKING:
    from .file import Scene

BLOCK_PX = 512
LOSSLESS = ("DEFLATE", "LZW", "ZSTD", "LZMA")  # compressions that are kept by name; but for JPEG, others become deflate
JPEG_QUALITY = 90  # where the source does not say its own
# Domains of metadata that GDAL writes itself, or that are written in another way
OWN_DOMAINS = ("IMAGE_STRUCTURE", "SUBDATASETS", "DERIVED_SUBDATASETS", "RPC", "COLOR_PROFILE", "EXIF", "LOCATION")
SMALLEST_PX = 256  # a side of the smallest overview, at most


@contextmanager
def writing(file: "Scene", target: Path, size: tuple[int, int], plain: bool) -> Iterator[Callable[..., None]]:
    """Yields a function that takes rows, columns and pixels; see `Scene.writer`."""
    import rasterio
    from rasterio.windows import Window

    source, (height, width) = file.source, size
    bands, dtype = (1, np.dtype(np.uint8)) if plain else (file.shape[3], file.dtype)
    nodata = None if plain else file.nodata
    packed = classes.bits(source) if file.as_labels and not plain else None
    across, down = width / file.shape[2], height / file.shape[1]
    crs, notes = _crs(file)
    structure = source.tags(ns="IMAGE_STRUCTURE")
    is_cog = structure.get("LAYOUT") == "COG" and not plain
    profile = {
        "driver": "GTiff", "width": width, "height": height, "count": bands, "dtype": dtype.name,
        "crs": crs, "nodata": nodata, "tiled": True, "blockxsize": BLOCK_PX, "blockysize": BLOCK_PX,
        "interleave": "pixel" if bands in (3, 4) else "band", "bigtiff": "IF_SAFER",
        **_deflate(dtype, packed),
    }  # fmt: skip
    if packed:
        profile["nbits"] = packed
    if bands in (3, 4) and source.colorinterp[0].name == "red":
        profile["photometric"] = "RGB"
    if profile_of_colours := source.tags(ns="COLOR_PROFILE").get("SOURCE_ICC_PROFILE"):
        profile["source_icc_profile"] = profile_of_colours
    if not source.transform.is_identity or crs is not None:
        profile["transform"] = source.transform * source.transform.scale(1 / across, 1 / down)
    compression, told = ({}, []) if plain else _compression(file, structure, dtype, packed)
    notes += told
    if not is_cog:
        profile |= compression
    keep_mask = file.masked and source.nodata is None and file.given is None and not file.alpha and not plain

    taken = None if file.as_labels else nodata  # the value that no pixel may have but the missing ones
    with replacing(target) as temporary:
        with rasterio.open(temporary, "w", **profile) as made:
            _place(made, source, across, down)
            if not plain:
                notes += _describe(made, source, across, down, is_cog)

            def write(rows: slice, columns: slice, pixels: Array) -> None:
                window = Window.from_slices(rows, columns)
                if file.alpha and file.masked and not plain:  # missing colours stay transparent
                    hidden = np.isnan(pixels[..., :-1]).any(-1, keepdims=True)
                    pixels = np.concatenate([pixels[..., :-1], np.where(hidden, 0, pixels[..., -1:])], -1)
                made.write(np.moveaxis(stored(pixels, dtype, taken), -1, 0), window=window)
                if keep_mask:
                    made.write_mask(~np.isnan(pixels).all(-1), window=window)

            yield write
        if not plain:
            _count_again(temporary, file, is_cog, compression)
        if is_cog:
            _as_cog(temporary, file, compression)
    beside, told = ([], []) if plain else classes.carry(source, file.path, target)
    if not plain:
        file.notes += notes + told
    file.notes += forget(target, beside)


def _crs(file: "Scene") -> tuple[Any, list[str]]:
    """The reference system, also from a .prj beside the file, which GDAL does not read; a note where it is damaged."""
    from rasterio._err import CPLE_BaseError
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    beside = file.path.with_suffix(".prj")
    if file.source.crs is not None or file.source.transform.is_identity or not beside.is_file():
        return file.source.crs, []
    try:
        return CRS.from_wkt(beside.read_text(errors="replace"), morph_from_esri_dialect=True), []
    except CRSError:
        with suppress(CPLE_BaseError):  # GDAL keeps the error, and rasterio raises it again at the next call
            _ = file.source.colorinterp
        return None, [f"{beside.name} is left out: no reference system that can be read"]


def _deflate(dtype: np.dtype[Any], packed: int | None = None) -> dict[str, Any]:
    """Without loss; what is packed into fewer bits has no predictor."""
    return {"compress": "deflate", "zlevel": 1, "predictor": 1 if packed else 3 if dtype.kind == "f" else 2}


def _compression(
    file: "Scene", structure: dict[str, str], dtype: np.dtype[Any], packed: int | None
) -> tuple[dict[str, Any], list[str]]:
    """That of the source, where the result can have it, and a note where it cannot."""
    kind = structure.get("COMPRESSION", "") if file.source.driver == "GTiff" else ""
    if kind in LOSSLESS:
        return {**_deflate(dtype, packed), "compress": kind.lower()}, []
    if "JPEG" in kind and not file.as_labels and dtype == np.uint8 and file.shape[3] in (1, 3) and file.nodata is None:
        jpeg = {"compress": "jpeg", "jpeg_quality": int(structure.get("JPEG_QUALITY", JPEG_QUALITY))}
        jpeg |= {"photometric": "YCBCR", "interleave": "pixel"} if file.shape[3] == 3 and file.colours else {}
        return jpeg, []
    lossy = kind and not kind.startswith("PACKBITS")
    return _deflate(dtype, packed), [f"compressed by deflate, without loss, instead of {kind}"] if lossy else []


def _describe(target: Any, source: Any, across: float, down: float, is_cog: bool) -> list[str]:
    """Copy what is said of the pixels: tags, names, units, scales, colours; returns notes on what is left out."""
    from rasterio.enums import ColorInterp

    left = set()
    for band in range(source.count + 1):  # 0 is the scene
        numbers = (band,) if band else ()
        kept = {key: value for key, value in source.tags(*numbers).items()
                if not key.startswith("STATISTICS_") and not value.startswith(OF_THE_OLD_SIZE)}  # fmt: skip
        if not band:
            for key, factor in (("TIFFTAG_XRESOLUTION", across), ("TIFFTAG_YRESOLUTION", down)):
                if key in kept:  # the same size on paper
                    kept[key] = f"{float(kept[key]) * factor:.10g}"
        target.update_tags(*numbers, **kept)
        for domain in source.tag_namespaces(*numbers):
            if domain in OWN_DOMAINS:
                continue
            if domain.startswith("xml:") or (is_cog and domain != "GEOLOCATION"):  # which rasterio, or GDAL, drops
                left.add(domain)
                continue
            tags = source.tags(*numbers, ns=domain)
            tags = scaled_geolocation(tags, down, across) if domain == "GEOLOCATION" else tags
            target.update_tags(*numbers, ns=domain, **tags)
    target.descriptions, target.units = source.descriptions, source.units
    target.scales, target.offsets = source.scales, source.offsets
    if classes.has_palette(source):
        target.write_colormap(1, source.colormap(1))
    else:
        target.colorinterp = [ColorInterp.undefined if c.name == "palette" else c for c in source.colorinterp]
    return [f"metadata of {', '.join(sorted(left))} left out"] if left else []


def _place(target: Any, source: Any, across: float, down: float) -> None:
    """Copy ground control points and RPCs, in pixels of the new size; the transform is set already."""
    from rasterio.crs import CRS

    points, crs = source.gcps
    if points:
        for point in points:
            point.row, point.col = point.row * down, point.col * across
        target.gcps = (points, crs or CRS())
    if source.rpcs is not None:
        # In RPCs, 0 is the centre of the first pixel.
        rpcs = source.rpcs
        rpcs.line_off, rpcs.samp_off = (rpcs.line_off + 0.5) * down - 0.5, (rpcs.samp_off + 0.5) * across - 0.5
        rpcs.line_scale, rpcs.samp_scale = rpcs.line_scale * down, rpcs.samp_scale * across
        target.rpcs = rpcs


def _count_again(path: Path, file: "Scene", is_cog: bool, compression: dict[str, Any]) -> None:
    """Statistics and overviews of the new pixels, where the source has some of its own."""
    import rasterio
    from rasterio.enums import Resampling

    source = file.source
    counted = [b for b in range(1, source.count + 1) if any(k.startswith("STATISTICS_") for k in source.tags(b))]
    levels = source.overviews(1) and not is_cog
    if not (counted or levels):
        return
    quality = str(compression.get("jpeg_quality", JPEG_QUALITY))
    with rasterio.Env(JPEG_QUALITY_OVERVIEW=quality), rasterio.open(path, "r+") as made:
        if counted:
            made.update_stats(stats=made.stats(indexes=counted), indexes=counted)
        if levels:
            how = Resampling.nearest if file.as_labels else Resampling.average
            most = max(made.width, made.height) / SMALLEST_PX
            made.build_overviews([2**k for k in range(1, 16) if 2 ** (k - 1) < most] or [2], how)


def _as_cog(path: Path, file: "Scene", compression: dict[str, Any]) -> None:
    """Lay a GeoTIFF out as a cloud-optimized one, with its overviews."""
    from rasterio.shutil import copy

    options = {"COMPRESS": compression["compress"].upper(), "BLOCKSIZE": BLOCK_PX, "BIGTIFF": "IF_SAFER",
               "OVERVIEW_RESAMPLING": "NEAREST" if file.as_labels else "AVERAGE"}  # fmt: skip
    if "jpeg_quality" in compression:
        options["QUALITY"] = compression["jpeg_quality"]
    elif compression["predictor"] != 1:
        options["PREDICTOR"] = "YES"
    with replacing(path) as made:
        copy(path, made, driver="COG", **options)
