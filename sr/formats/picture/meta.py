"""What a picture says besides its pixels: EXIF, ICC profile, XMP, resolution."""

import re
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from PIL import Image

from .gain_map import GainMap
from .orientation import IN_XMP, ORIENTATION

# Numbers of tags in TIFF 6.0 and EXIF 2.3
X_RESOLUTION, Y_RESOLUTION, XMP, ICC = 282, 283, 700, 34675
EXIF, GPS, INTEROPERABILITY = 0x8769, 0x8825, 0xA005  # each holds the place of a directory of further tags
RESOLUTION_UNIT, INCH = 296, 2
WIDTH, HEIGHT = 0xA002, 0xA003
# Of a TIFF, tags that describe the picture: text, camera, time, author, copyright. The others say where its pixels are.
DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 33432, EXIF, GPS)
# Of a TIFF, tags that say something and are not kept
UNKEPT = {301: "TransferFunction", 318: "WhitePoint", 319: "PrimaryChromaticities", 291: "GrayResponseCurve",
          34377: "Photoshop's resources", 37724: "Photoshop's layers"}  # fmt: skip
IPTC = 33723  # a tag of TIFF; in a JPEG one of Photoshop's resources
IPTC_RESOURCE, RENEWED = 0x0404, {0x0425, 0x03ED, 0x0409, 0x040C}  # a hash of it; resolution and small pictures
MOTION = re.compile(rb'((?:MotionPhoto|MicroVideo)(?:="|>))1')  # in XMP, where a clip follows the picture
OF_THE_OLD_SIZE = ('{"shape"', "ImageJ=", "<?xml")  # descriptions in which Python, ImageJ and OME note the old shape


@dataclass(frozen=True)
class Meta:
    """What an image file says besides its pixels. Orientation is not part of it: the reader has applied it.

    Args:
        alpha: the last channel is transparency.
        bits: a channel, of integers; pixels of 10 and 12 bits are scaled to all of 16.
        icc, exif, xmp: the bytes as they are stored.
        dpi: pixels an inch, across and down.
        colours: primaries and transfer function, numbers of ITU-T H.273, where it says so outside of ICC.
        chunks: of a PNG, kind and content: what else its colours mean, text, and all that is marked as safe to copy.
        comment: of a JPEG.
        iptc: caption, author, place and more, as newspapers have them (IIM); the bytes as they are stored.
        inverted: of a gray TIFF, 0 is white.
        gain_map: of a JPEG, upright.
        palette: what pixels are indices into, as Pillow keeps it, where they were not resolved.
        lost: what it says that is not kept, whatever it is written to.
    """

    alpha: bool = False
    bits: int = 8
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    colours: tuple[int, int] | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    comment: bytes | None = None
    iptc: bytes | None = None
    inverted: bool = False
    gain_map: GainMap | None = None
    palette: Image.Image | None = None
    lost: tuple[str, ...] = ()

    def enlarged(self, width: int, height: int, scale: float) -> "Meta":
        """Metadata of the picture enlarged by `scale`: the same size on paper, so more pixels an inch.

        Args:
            width, height: of the result, in pixels.
            scale: new width / old width.
        """
        exif = None
        if self.exif is not None:
            tags = exif_of(self.exif)
            inner = tags.get_ifd(EXIF) if EXIF in tags else {}  # get_ifd would add one that is not there
            if WIDTH in inner or HEIGHT in inner:
                inner[WIDTH], inner[HEIGHT] = width, height
            for tag in (X_RESOLUTION, Y_RESOLUTION):
                try:
                    value = float(tags[tag]) * scale if tag in tags else 0.0
                except (TypeError, ValueError, ZeroDivisionError):  # text, or a fraction such as 72/0
                    value = 0.0
                tags.pop(tag, None)
                if 0 < value < 1e6:
                    tags[tag] = value
            exif = tags.tobytes()
        dpi = None if self.dpi is None else (self.dpi[0] * scale, self.dpi[1] * scale)
        return replace(self, exif=exif, dpi=dpi)


def meta_of(image: Image.Image) -> Meta:
    """What Pillow finds in a file; `alpha` is left False."""
    exif, tags = None, image.getexif()
    if image.format == "TIFF":
        tags = described(tags)
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
    icc = info.get("icc_profile") if image.mode != "CMYK" else None  # CMYK is converted, so its profile no longer fits
    dpi = info.get("dpi")
    return Meta(icc=icc or None, exif=exif, xmp=_upright(xmp), dpi=(float(dpi[0]), float(dpi[1])) if dpi else None)


def meta_of_tags(handle: BinaryIO, page: Any) -> Meta:
    """The same of a TIFF of more bits or bands than Pillow opens, from its page by tifffile."""
    exif = Image.Exif()
    handle.seek(0)
    if not page.parent.is_bigtiff:  # of which Pillow's Exif reads no tags
        exif.load_from_fp(handle)
        exif = described(exif)
    else:
        for tag in DESCRIPTIVE:
            if tag in page.tags and isinstance(page.tags[tag].value, str):
                exif[tag] = page.tags[tag].value
        exif = described(exif)
    icc, xmp = (page.tags[code].value if code in page.tags else None for code in (ICC, XMP))
    dpi = page.get_resolution("INCH") if X_RESOLUTION in page.tags and page.resolutionunit > 1 else None
    return Meta(icc=icc, exif=exif.tobytes() if len(exif) else None, xmp=_upright(xmp), dpi=dpi)


def described(tags: Image.Exif) -> Image.Exif:
    """Of the tags of a TIFF those that describe the picture."""
    kept = Image.Exif()
    for tag in DESCRIPTIVE:
        if tag in tags and not str(tags[tag]).startswith(OF_THE_OLD_SIZE):
            kept[tag] = tags.get_ifd(tag) if tag in (EXIF, GPS) else tags[tag]
    return kept


def _upright(xmp: bytes | None) -> bytes | None:
    """XMP of a picture that the reader turns upright."""
    return None if xmp is None else IN_XMP.sub(rb"\g<1>1", xmp)


def exif_of(data: bytes) -> Image.Exif:
    """EXIF from its bytes, which may be empty."""
    tags = Image.Exif()
    if data:
        tags.load(data)
    return tags


def with_resolution(exif: bytes | None, dpi: tuple[float, float]) -> bytes:
    """EXIF that says pixels an inch, for formats that have no other place for them; unchanged where it says its own."""
    tags = exif_of(exif or b"")
    if X_RESOLUTION not in tags:
        tags[X_RESOLUTION], tags[Y_RESOLUTION], tags[RESOLUTION_UNIT] = *dpi, INCH
    return tags.tobytes()
