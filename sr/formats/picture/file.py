"""PNG, JPEG, WebP, BMP, TIFF, AVIF, HEIC: 8 and 16 bit, TIFF also float; gray, RGB, alpha, N bands; and their tags."""

import re
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageCms, PngImagePlugin, UnidentifiedImageError, features
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from sr.atomic import replacing
from sr.errors import UserError
from sr.image.range import Range

from ..base import File, Unreadable

try:
    import pillow_heif

    pillow_heif.register_heif_opener()
    HEIC = {".heic", ".heif"}
except ImportError:
    HEIC = set()
AVIF = {".avif"} if features.check("avif") else set()
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"} | AVIF | HEIC
LARGEST_PX = 1 << 29  # beyond it a file is taken for a decompression bomb
Image.MAX_IMAGE_PIXELS = LARGEST_PX
PNG_LEVEL = 3  # of 16 bits: nearly as small as the usual 6, whose search takes longer than a network
CLASSIC_TIFF_BYTES = (1 << 32) - (1 << 25)  # what a TIFF of 32-bit offsets surely holds
Array = np.ndarray[Any, np.dtype[Any]]
# Tags of EXIF 2.3 that are touched here
ORIENTATION, X_RESOLUTION, Y_RESOLUTION, EXIF, GPS, WIDTH, HEIGHT, ICC, XMP = (
    274, 282, 283, 0x8769, 0x8825, 0xA002, 0xA003, 34675, 700)  # fmt: skip
INTEROPERABILITY = 0xA005
WAITING = 1  # tifffile writes no directory: a tag of the next number, which means nothing, keeps its place
OF_THE_OLD_SIZE = ('{"shape"', "ImageJ=", "<?xml")  # descriptions that Python, ImageJ and OME write of the pixels
DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 33432, EXIF, GPS)  # of a TIFF; its other tags say where its pixels lie


@dataclass(frozen=True)
class Meta:
    """What an image file says besides its pixels. Orientation is not among it: `read` applies it.

    Args:
        alpha: the last channel is transparency.
        icc, exif, xmp: as they stand in the file.
        dpi: pixels an inch, across and down.
    """

    alpha: bool = False
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None

    def enlarged(self, width: int, height: int, scale: float) -> "Meta":
        """The same of an image `scale` times as large: as large on paper, of more pixels an inch."""
        exif = None
        if self.exif is not None:
            tags = _exif(self.exif)
            inner = tags.get_ifd(EXIF) if EXIF in tags else {}  # asking for it makes it
            if WIDTH in inner or HEIGHT in inner:
                inner[WIDTH], inner[HEIGHT] = width, height
            for tag in (X_RESOLUTION, Y_RESOLUTION):
                try:
                    value = float(tags[tag]) * scale if tag in tags else 0.0
                except (TypeError, ValueError, ZeroDivisionError):  # as text, or 72/0
                    value = 0.0
                tags.pop(tag, None)
                if 0 < value < 1e6:
                    tags[tag] = value
            exif = tags.tobytes()
        dpi = None if self.dpi is None else (self.dpi[0] * scale, self.dpi[1] * scale)
        return replace(self, exif=exif, dpi=dpi)


class Picture(File):
    """A still picture; nothing is decoded before its pixels are asked for. Orientation is applied to them.

    Colour is what says that it is colour: all but TIFF whose photometric interpretation says otherwise.
    """

    kind = "picture"
    suffixes = frozenset(SUFFIXES)

    @classmethod
    def claims(cls, path: Path, handle: BinaryIO) -> bool:
        return True  # the last to be asked: if it is none, its decoder tells

    def __init__(self, path: Path, handle: BinaryIO) -> None:
        super().__init__(path, handle)
        if path.suffix.lower() in {".heic", ".heif"} - HEIC:
            self.advice = "; HEIC needs pillow-heif: pip install 'sr[heic]'"
        self.is_tiff = path.suffix.lower() in (".tif", ".tiff")
        with self.decoding():
            self.page = _tiff_page(path, handle) if self.is_tiff else None
            self.opened = None if self.page is not None and _is_plain(self.page) else _opened(handle)
            height, width, channels = _shape(self.page) if self.page is not None else _shape(self.opened)
            refuse_bombs(path, height * width)
            if self.orientation >= 5:
                height, width = width, height
        self.shape = (1, height, width, channels)

    @cached_property
    def pixels(self) -> Array:
        """H W C, of any type that files have."""
        with self.decoding():
            pixels = self._decoded()
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels
        if pixels.ndim != 3 or 0 in pixels.shape:
            raise Unreadable(f"{self.path}: shape {pixels.shape} is not that of one image")
        if pixels.dtype.kind not in "ui" and pixels.dtype not in (np.float32, np.float64):
            raise Unreadable(f"{self.path}: pixels are {pixels.dtype}, integers or float32 or float64 are needed")
        self.shape = (1, *cast("tuple[int, int, int]", pixels.shape))  # palettes have become colours
        return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        return self.pixels.dtype

    @cached_property
    def alpha(self) -> bool:  # type: ignore[override]
        if self.page is not None and _is_plain(self.page):
            samples = [int(kind) for kind in (self.page.extrasamples or ())]
            return bool(samples) and samples[-1] in (1, 2)
        return self.pixels.shape[2] in (2, 4)

    @cached_property
    def colours(self) -> tuple[int, int, int] | None:  # type: ignore[override]
        coded = self.page is None or self.page.photometric != tifffile.PHOTOMETRIC.MINISBLACK
        return (0, 1, 2) if coded and self.pixels.shape[2] >= 3 else None

    @cached_property
    def meta(self) -> "Meta":
        """A damaged profile or EXIF costs no image."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of damaged EXIF
                return replace(_meta(self.opened or _opened(self.handle)), alpha=self.alpha)
        except UnidentifiedImageError:  # a TIFF of many bands
            assert self.page is not None
            icc, xmp = (self.page.tags[code].value if code in self.page.tags else None for code in (ICC, XMP))
            return Meta(self.alpha, icc, None, xmp)
        except Exception:  # whatever Pillow makes of it
            return Meta(self.alpha)

    def find_range(self) -> Range:
        """What 8 bits can hold, and 16 bits of pictures; TIFF of 16 bits that is no picture in colours is measured."""
        pictures = (np.uint8, np.uint16) if not self.is_tiff or self.colours else (np.uint8,)
        return Range.of_type(self.dtype) if self.dtype in pictures else self.measured(together=bool(self.colours))

    def frames(self) -> Iterator[Array]:
        yield self.pixels

    def refuse(self, target: Path) -> None:
        refuse(target, self.dtype, self.shape[3])

    def save(self, target: Path, made: list[Array], how: str, plain: bool) -> None:
        height, width = made[0].shape[:2]
        write(target, made[0], self.meta.enlarged(width, height, width / self.shape[2]))

    @cached_property
    def orientation(self) -> int:
        """By the tag of TIFF and EXIF; 1 is upright."""
        if self.page is not None:
            tag = self.page.tags.get("Orientation")
            found = tag.value if tag is not None else 1
        elif self.opened is not None and self.opened.format == "PNG":
            found = _png_exif(self.handle).get(ORIENTATION, 1)
        else:
            found = self.opened.getexif().get(ORIENTATION, 1) if self.opened is not None else 1
        return found if found in UPRIGHT else 1

    def _decoded(self) -> Array:
        if self.page is not None and _is_plain(self.page):
            return UPRIGHT[self.orientation](_of_tiff(self.page))
        assert self.opened is not None
        if self.opened.format == "PNG" and _png_depth(self.handle) == 16:  # Pillow would cut RGB to 8 bits
            self.handle.seek(0)
            return UPRIGHT[self.orientation](np.asarray(imagecodecs.png_decode(self.handle.read())))
        return UPRIGHT[self.orientation](_by_pillow(self.opened))


def read(path: str | Path) -> Array:
    """Pixels of a picture, H W C; palettes and CMYK are resolved, orientation is applied.

    Raises:
        Unreadable: with the reason, in one sentence that names the file.
    """
    return read_with_meta(path)[0]


def read_with_meta(path: str | Path) -> tuple[Array, "Meta"]:
    """As `read`, and what else the file says."""
    with Picture.at(Path(path)) as picture:
        return picture.pixels, picture.meta


def refuse(path: Path, dtype: np.dtype[Any], channels: int) -> None:
    """Raise UserError where `path`, by its suffix, cannot hold such pixels; better asked before they are computed."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{path}: cannot write '{path.suffix}' files; use one of {sorted(SUFFIXES)}")
    tiff = suffix in (".tif", ".tiff")
    if not tiff and (channels > 4 or not (dtype == np.uint8 or (dtype == np.uint16 and suffix == ".png"))):
        raise UserError(f"{path}: {suffix} holds no {channels} channels of {dtype}; write a .tif"
                        f"{' or .png' if dtype == np.uint16 and channels <= 4 else ''}")  # fmt: skip
    if channels in (2, 4) and suffix in (".jpg", ".jpeg", ".bmp"):
        raise UserError(f"{path}: {path.suffix} holds no transparency; write a .png or .webp")


def write(path: str | Path, pixels: Array, meta: Meta | None = None) -> None:
    """Write H W C by the suffix of `path`: whole or not at all.

    Args:
        path: .png takes 8 and 16 bits, .tif these, float and any number of bands, others 8 bits of gray or RGB(A).
        pixels: H W C; integers or float.
        meta: to write along, as far as the format can hold it.

    Raises:
        UserError: a suffix that we do not write, or pixels that it cannot hold.
    """
    path, meta = Path(path), meta or Meta()
    suffix, channels = path.suffix.lower(), pixels.shape[2]
    refuse(path, pixels.dtype, channels)
    tiff = suffix in (".tif", ".tiff")
    if tiff and not (pixels.dtype == np.uint8 and (channels in (1, 3) or (channels == 4 and meta.alpha))):
        with replacing(path) as temporary:
            _write_tiff(temporary, pixels, meta)
        return
    if pixels.dtype == np.uint16:
        with replacing(path) as temporary:
            temporary.write_bytes(
                _png_with(bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), PNG_LEVEL)), meta)
            )
        return
    image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
    with replacing(path) as temporary:
        image.save(temporary, **_options(suffix, meta))


def _options(suffix: str, meta: Meta) -> dict[str, Any]:
    """What Pillow is told when it saves."""
    options: dict[str, Any] = {"icc_profile": meta.icc}
    if meta.exif is not None and suffix != ".bmp":
        options["exif"] = meta.exif
    if meta.dpi is not None and suffix != ".webp" and suffix not in AVIF | HEIC:
        options["dpi"] = meta.dpi
    if suffix in (".jpg", ".jpeg"):
        options |= {"quality": 95, "subsampling": 0} | ({"xmp": meta.xmp} if meta.xmp else {})
    elif suffix == ".webp":
        options |= {"lossless": True} | ({"xmp": meta.xmp} if meta.xmp else {})
    elif suffix in AVIF | HEIC:
        options |= {"quality": 95, "subsampling": "4:4:4"} | ({"xmp": meta.xmp} if meta.xmp else {})
    elif suffix == ".png" and meta.xmp:
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", meta.xmp.decode("utf-8", "replace"))
        options["pnginfo"] = texts
    elif suffix in (".tif", ".tiff"):
        # libtiff, which compresses, cannot write the directories of EXIF; Pillow's own writer can.
        options["compression"] = "raw" if meta.exif else "tiff_adobe_deflate"
        if meta.xmp:
            tags = _exif(meta.exif or b"")  # one place for both: Pillow takes no second one
            tags[XMP] = meta.xmp
            options["exif"] = tags.tobytes()
    return options


def _write_tiff(path: Path, pixels: Array, meta: Meta) -> None:
    rgb, inner, big = pixels.shape[2] == 3 + meta.alpha, dict[int, Any](), pixels.nbytes > CLASSIC_TIFF_BYTES
    tags: list[Any] = [(XMP, "B", len(meta.xmp), meta.xmp, True)] if meta.xmp else []
    if meta.exif is not None:
        exif = _exif(meta.exif)
        tags += [(tag, "s", 0, str(exif[tag]), True) for tag in DESCRIPTIVE if tag in exif and tag not in (EXIF, GPS)]
        inner = {tag: exif.get_ifd(tag) for tag in (EXIF, GPS) if tag in exif and not big}  # Pillow writes 32 bits
        tags += [(tag + WAITING, "I", 1, 0, True) for tag in inner]
    resolution: dict[str, Any] = {"resolution": meta.dpi, "resolutionunit": "INCH"} if meta.dpi else {}
    extra = pixels.shape[2] - (3 if rgb else 1)
    tifffile.imwrite(
        path, pixels[..., 0] if pixels.shape[2] == 1 else pixels, photometric="rgb" if rgb else "minisblack",
        planarconfig="contig", compression="zlib", iccprofile=meta.icc, extratags=tags, metadata=None,
        extrasamples=[*["unspecified"] * (extra - meta.alpha), *["unassalpha"] * meta.alpha] if extra else None,
        bigtiff=big, software=False, **resolution,
    )  # fmt: skip
    for tag, values in inner.items():
        _append_directory(path, tag, values)


def _append_directory(path: Path, tag: int, values: Any) -> None:
    """One of EXIF's directories behind all else of a TIFF, and its place and name into the tag that waits for it."""
    with tifffile.TiffFile(path, mode="r+") as file:
        handle = file.filehandle
        offset = handle.seek(0, 2) + handle.size % 2
        directory = ImageFileDirectory_v2(prefix=b"II" if file.byteorder == "<" else b"MM")
        for key, value in values.items():
            if key != INTEROPERABILITY:  # where it was in the old file
                directory[key] = value
        handle.seek(0, 2)
        handle.write(b"\0" * (offset - handle.size) + directory.tobytes(offset))
        waiting = cast(tifffile.TiffPage, file.pages[0]).tags[tag + WAITING]
        waiting.overwrite(offset)
        handle.seek(waiting.offset)
        handle.write(struct.pack(f"{file.byteorder}H", tag))


def _png_with(png: bytes, meta: Meta) -> bytes:
    """A PNG with more chunks behind its header; libpng's bindings write pixels alone."""
    chunks = []
    if meta.icc:
        chunks.append((b"iCCP", b"ICC\0\0" + zlib.compress(meta.icc)))
    if meta.dpi:
        metre = [round(dpi / 0.0254) for dpi in meta.dpi]
        chunks.append((b"pHYs", struct.pack(">IIB", *metre, 1)))
    if meta.exif:
        chunks.append((b"eXIf", meta.exif.removeprefix(b"Exif\0\0")))
    if meta.xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + meta.xmp))
    made = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return png[:33] + made + png[33:]  # 8 bytes of signature, 25 of IHDR


def _meta(image: Image.Image) -> Meta:
    exif, tags = None, image.getexif()
    if image.format == "TIFF":
        kept = Image.Exif()
        for tag in DESCRIPTIVE:
            if tag in tags and not str(tags[tag]).startswith(OF_THE_OLD_SIZE):
                kept[tag] = tags.get_ifd(tag) if tag in (EXIF, GPS) else tags[tag]
        tags = kept
    tags.pop(ORIENTATION, None)
    if len(tags):
        exif = tags.tobytes()
    info = image.info
    xmp = (
        info.get("xmp")
        or info.get("XML:com.adobe.xmp")
        or (image.format == "TIFF" and image.getexif().get(XMP))
        or None
    )
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    if xmp is not None:
        xmp = re.sub(rb'(tiff:Orientation(?:="|>))\d', rb"\g<1>1", xmp)
    icc = info.get("icc_profile") if image.mode != "CMYK" else None  # the pixels were converted from it
    dpi = info.get("dpi")
    return Meta(False, icc or None, exif, xmp, None if dpi is None else (float(dpi[0]), float(dpi[1])))


def _exif(data: bytes) -> Image.Exif:
    tags = Image.Exif()
    if data:
        tags.load(data)
    return tags


def _opened(handle: BinaryIO) -> Image.Image:
    handle.seek(0)
    return Image.open(handle)


def _shape(header: Any) -> tuple[int, int, int]:
    """Height, width and channels, as they are stored."""
    if not isinstance(header, tifffile.TiffPage):
        return header.height, header.width, len(header.getbands())
    series: Any = header.parent.series[0]
    if series.axes != header.axes:
        return series.shape
    return header.imagelength, header.imagewidth, header.samplesperpixel


def _by_pillow(image: Image.Image) -> Array:
    if image.mode in ("I;16", "I;16B", "I;16L"):
        return np.asarray(image).astype(np.uint16)
    if image.mode == "CMYK" and image.info.get("icc_profile"):
        image = _from_profile(image)
    if image.mode in ("P", "PA", "LA", "La", "RGBa", "CMYK", "YCbCr", "LAB", "HSV", "1"):
        transparent = image.mode in ("PA", "LA", "La", "RGBa") or "transparency" in image.info
        image = image.convert("L" if image.mode == "1" else "RGBA" if transparent else "RGB")
    return np.asarray(image)


def _from_profile(image: Image.Image) -> Image.Image:
    """CMYK to sRGB by its own profile; by the plain formula where that is damaged."""
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
        made = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image
    return made or image


def refuse_bombs(path: Path, pixels: int) -> None:
    """Raise Unreadable for more pixels than an honest picture has."""
    if pixels > LARGEST_PX:
        raise Unreadable(f"{path}: {pixels / 1e6:.0f} megapixels; more than {LARGEST_PX / 1e6:.0f} are refused")


def _tiff_page(path: Path, handle: BinaryIO) -> tifffile.TiffPage:
    """The page of a TIFF that holds one image; of an array H W C that Python wrote as H pages, the first."""
    file = tifffile.TiffFile(handle)
    page, series = cast(tifffile.TiffPage, file.pages[0]), file.series[0]
    if series.axes != page.axes and not _is_array(series):
        raise Unreadable(f"{path}: shape {series.shape} of its pages is not that of one image")
    if _is_inverted(page) and page.sampleformat != 1:
        raise Unreadable(f"{path}: float pixels of which the smallest are white; invert them first")
    return page


def _is_array(series: Any) -> bool:
    """What Python wrote as H pages of W x C; what is no such array is many images."""
    return series.kind == "shaped" and series.ndim == 3 and series.shape[2] < min(series.shape[:2])


def _is_inverted(page: tifffile.TiffPage) -> bool:
    """Which Pillow would not see for more than 8 bits."""
    return page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and page.bitspersample > 8


def _is_ycbcr(page: tifffile.TiffPage) -> bool:
    """Uncompressed, which Pillow 12 cannot read."""
    return page.photometric == tifffile.PHOTOMETRIC.YCBCR and page.compression == 1


def _is_plain(page: tifffile.TiffPage) -> bool:
    """Bands as they are; where colours are coded (palette, CMYK ...), Pillow knows how."""
    known = page.photometric in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)
    return known or _is_inverted(page) or _is_ycbcr(page)


def _of_tiff(page: tifffile.TiffPage) -> Array:
    """Bands as stored, not turned yet."""
    series = page.parent.series[0]
    if series.axes != page.axes:
        return series.asarray()
    pixels = page.asarray()
    if _is_ycbcr(page):
        pixels = np.asarray(Image.fromarray(pixels, "YCbCr").convert("RGB"))
    if _is_inverted(page):
        pixels = pixels.dtype.type((1 << page.bitspersample) - 1) - pixels
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and pixels.ndim == 3:
        pixels = np.moveaxis(pixels, 0, -1)
    if page.bitspersample not in (8, 16, 32, 64) and page.sampleformat == 1:  # to all of 8 or 16 bits
        dtype = np.uint8 if page.bitspersample < 8 else np.uint16
        full = np.iinfo(dtype).max / ((1 << page.bitspersample) - 1)
        pixels = (pixels * full).round().astype(dtype)
    if page.extrasamples and page.extrasamples[-1] == tifffile.EXTRASAMPLE.ASSOCALPHA:
        pixels = _unmultiplied(pixels)
    return pixels


def _unmultiplied(pixels: Array) -> Array:
    """Colours that were multiplied by their transparency, as they are."""
    full = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    alpha = pixels[..., -1:].astype(np.float64)
    colours = pixels[..., :-1] * np.divide(full, alpha, out=np.zeros_like(alpha), where=alpha > 0)
    colours = colours.round().clip(0, full) if pixels.dtype.kind == "u" else colours
    return np.concatenate([colours.astype(pixels.dtype), pixels[..., -1:]], -1)


# By the orientation tag of TIFF 6.0, page 36.
UPRIGHT: dict[int, Callable[[Array], Array]] = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
    8: lambda x: np.rot90(x),
}


def _png_exif(handle: BinaryIO) -> Image.Exif:
    """Of the header's chunks; Pillow would decode the picture first."""
    handle.seek(8)
    while len(head := handle.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in (b"IDAT", b"IEND"):
            break
        data = handle.read(length)
        if kind == b"eXIf":
            return _exif(data)
        handle.seek(4, 1)
    return _exif(b"")


def _png_depth(handle: BinaryIO) -> int:
    handle.seek(0)
    header = handle.read(25)
    return header[24] if len(header) == 25 else 0
