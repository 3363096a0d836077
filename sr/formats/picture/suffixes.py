"""Which picture files can be read and written here, by their suffix; AVIF and HEIC depend on what is installed."""

from pathlib import Path

from PIL import features

try:
    import pillow_heif

    pillow_heif.register_heif_opener()
    HEIC = {".heic", ".heif"}
except ImportError:
    HEIC = set()
AVIF = {".avif"} if features.check("avif") else set()
TIFF = {".tif", ".tiff"}
JPEG = {".jpg", ".jpeg"}
INDEXED = {".png", ".bmp"} | TIFF  # which hold palettes
LOSSLESS = INDEXED | {".webp"}
OF_8_BITS = {".webp", ".bmp"} | JPEG
SUFFIXES = {".png"} | OF_8_BITS | TIFF | AVIF | HEIC


def advice(path: Path) -> str:
    """What to install, where a file of this name needs a package that is missing; appended to the reader's message."""
    missing = path.suffix.lower() in {".heic", ".heif"} - HEIC
    return "; HEIC needs pillow-heif: pip install 'sr[heic]'" if missing else ""
