"""Writing pictures: the suffix chooses the format."""

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import PngImagePlugin

from sr.atomic import replacing
from sr.errors import UserError

from ..base import Array
from . import heif, pillow, png
from .gain_map import LOST, announcing, with_gain_map, without_gain_map
from .meta import IPTC, IPTC_RESOURCE, XMP, Meta, exif_of, with_resolution
from .profile import profile_of
from .suffixes import AVIF, HEIC, JPEG, OF_8_BITS, SUFFIXES, TIFF
from .tiff_writer import write_tiff

TEXT = (b"tEXt", b"zTXt", b"iTXt")
NUMBERS = {".png"} | AVIF | HEIC  # formats that say colours by numbers of H.273
QUALITY = 95  # of 100, where coding loses something
SEGMENT_BYTES = 65_500  # of IPTC, that a segment of a JPEG holds


def refuse(path: Path, dtype: np.dtype[Any], channels: int) -> None:
    """Raise UserError where `path`, by its suffix, cannot hold such pixels; to be asked before they are computed."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{path}: cannot write '{path.suffix}' files; use one of {sorted(SUFFIXES)}")
    fits = dtype == np.uint8 or (dtype == np.uint16 and suffix not in OF_8_BITS)
    if suffix not in TIFF and (channels > 4 or not fits):
        raise UserError(f"{path}: {suffix} holds no {channels} channels of {dtype}; write a .tif"
                        f"{' or .png' if dtype == np.uint16 and channels <= 4 else ''}")  # fmt: skip
    if channels in (2, 4) and suffix in JPEG | {".bmp"}:
        raise UserError(f"{path}: {path.suffix} holds no transparency; write a .png or .webp")


def write(path: str | Path, pixels: Array, meta: Meta | None = None) -> None:
    """Write a picture: whole or not at all.

    Args:
        path: .png takes 8 and 16 bits, .avif and .heic 8 and the upper 10 or 12 of 16, .tif 8, 16, float and any
            number of bands, others 8 bits of gray or RGB(A).
        pixels: H W C; integers or float.
        meta: written too, as far as the format can hold it.

    Raises:
        UserError: a suffix that is not written, or pixels that it cannot hold.
    """
    path, meta = Path(path), meta or Meta()
    suffix, channels = path.suffix.lower(), pixels.shape[2]
    refuse(path, pixels.dtype, channels)
    if meta.colours and not meta.icc and suffix not in NUMBERS:
        gray = channels <= 2 and meta.palette is None and suffix != ".webp"  # which has no gray
        meta = replace(meta, icc=profile_of(meta.colours, gray))
    if meta.dpi and suffix in {".webp"} | AVIF | HEIC:
        meta = replace(meta, exif=with_resolution(meta.exif, meta.dpi))
    if meta.xmp and meta.gain_map:
        announced = announcing(meta.xmp, meta.gain_map) if suffix in JPEG else without_gain_map(meta.xmp)
        meta = replace(meta, xmp=announced)
    inverted = meta.inverted and channels == 1
    by_pillow = not inverted and pixels.dtype == np.uint8 and (channels in (1, 3) or (channels == 4 and meta.alpha))
    if suffix in TIFF and not by_pillow:
        with replacing(path) as temporary:
            write_tiff(temporary, pixels, meta)
        return
    if suffix == ".png" and (pixels.dtype == np.uint16 or meta.chunks or meta.colours or meta.palette):
        with replacing(path) as temporary:
            temporary.write_bytes(png.encoded(pixels, meta))
        return
    if suffix in AVIF | HEIC and pixels.dtype == np.uint16:
        with replacing(path) as temporary:
            heif.write(temporary, pixels, meta, QUALITY)
        return
    image = pillow.indexed(pixels[..., 0], meta.palette) if meta.palette else pillow.of_pixels(pixels)
    with replacing(path) as temporary:
        image.save(temporary, **_options(suffix, meta))
        if meta.gain_map and suffix in JPEG:
            temporary.write_bytes(with_gain_map(temporary.read_bytes(), meta.gain_map))
        if meta.colours and suffix in AVIF | HEIC:
            heif.set_colours(temporary, meta.colours)


def lost(suffix: str, meta: Meta) -> list[str]:
    """What a picture says that is not kept in a file of this suffix."""
    found, suffix = list(meta.lost), suffix.lower()
    if meta.bits in (10, 12) and suffix in OF_8_BITS:
        found.append(f"{meta.bits} bits (8 are written)")
    if meta.bits > heif.DEEPEST and suffix in AVIF | HEIC:
        found.append(f"{meta.bits} bits ({heif.DEEPEST} are written)")
    if meta.gain_map and suffix not in JPEG:
        found.append(LOST)
    if suffix == ".bmp":
        found += [name for name, data in (("ICC profile", meta.icc), ("EXIF", meta.exif), ("XMP", meta.xmp)) if data]
    if suffix != ".png":
        kinds = [kind.decode("latin-1") for kind, _ in meta.chunks if kind not in TEXT]
        found += [f"chunks {', '.join(kinds)}"] if kinds else []
        texts = [data.split(b"\0")[0].decode("latin-1") for kind, data in meta.chunks if kind in TEXT]
        found += [f"text ({', '.join(texts)})"] if texts else []
        if meta.colours and not _says_colours(suffix, meta):
            first, second = meta.colours
            found.append(f"primaries {first} and transfer function {second} of H.273; a .png keeps them")
        if meta.palette and "transparency" in meta.palette.info:
            found.append("transparency of its palette")
    if meta.comment and suffix not in JPEG:
        found.append("comment")
    if meta.iptc and suffix not in TIFF and (suffix not in JPEG or len(meta.iptc) > SEGMENT_BYTES):
        found.append(f"IPTC; a .tif {'' if suffix in JPEG else 'or .jpg '}keeps it")
    return found


def _says_colours(suffix: str, meta: Meta) -> bool:
    """Whether colours that numbers say are said in a file of this suffix: by them, or by a profile made of them."""
    if suffix in HEIC:
        return not meta.icc
    made = meta.colours and not meta.icc and suffix != ".bmp" and profile_of(meta.colours, gray=False)
    return suffix in NUMBERS or bool(made)


def _options(suffix: str, meta: Meta) -> dict[str, Any]:
    """The arguments of Pillow's `save`."""
    options: dict[str, Any] = {"icc_profile": meta.icc}
    if meta.exif is not None and suffix != ".bmp":
        options["exif"] = meta.exif
    if meta.dpi is not None and suffix not in {".webp"} | AVIF | HEIC:
        options["dpi"] = meta.dpi
    if suffix in JPEG:
        options |= {"quality": QUALITY, "subsampling": 0} | ({"comment": meta.comment} if meta.comment else {})
        options |= {"xmp": meta.xmp} if meta.xmp else {}
        options |= {"extra": _segment_of(meta.iptc)} if meta.iptc and len(meta.iptc) <= SEGMENT_BYTES else {}
    elif suffix == ".webp":
        options |= {"lossless": True} | ({"xmp": meta.xmp} if meta.xmp else {})
    elif suffix in AVIF | HEIC:
        options |= {"quality": QUALITY, "subsampling": "4:4:4"} | ({"xmp": meta.xmp} if meta.xmp else {})
    elif suffix == ".png" and meta.xmp:
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", meta.xmp.decode("utf-8", "replace"))
        options["pnginfo"] = texts
    elif suffix in TIFF:
        # libtiff, which compresses, cannot write the directories of EXIF; Pillow's own writer can.
        options["compression"] = "raw" if meta.exif else "tiff_adobe_deflate"
        more = {XMP: meta.xmp, IPTC: meta.iptc}
        if any(more.values()):
            tags = exif_of(meta.exif or b"")  # Pillow takes XMP and IPTC of a TIFF as two of these tags
            tags.update({tag: value for tag, value in more.items() if value})
            options["exif"] = tags.tobytes()
    return options


def _segment_of(iptc: bytes) -> bytes:
    """A segment of a JPEG with one of Photoshop's resources: IPTC."""
    resource = b"8BIM" + struct.pack(">HHI", IPTC_RESOURCE, 0, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    content = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + struct.pack(">H", len(content) + 2) + content
