"""What has a checksum is read to its end: damage that decoders pass over is refused, and nothing else is."""

import gzip
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin

from sr import formats
from sr.errors import UserError
from sr.formats.checksums import check_tiff
from sr.inference.files import enlarge_file
from sr.inference.pixels import Options

PIXELS = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)


def png(path, frames=1):
    text = PngImagePlugin.PngInfo()
    text.add(b"tEXt", b"Title\0" + b"t" * 40, after_idat=True)
    more = [Image.fromarray(np.roll(PIXELS, i, 0)) for i in range(1, frames)]
    Image.fromarray(PIXELS).save(path, pnginfo=text, save_all=frames > 1, append_images=more)
    return path


def places(content: bytes, kind: bytes) -> tuple[int, int]:
    """Where the content of a chunk begins and ends."""
    at = content.index(kind) + 4
    return at, at + struct.unpack(">I", content[at - 8 : at - 4])[0]


def flipped(path, at, bit=4):
    content = bytearray(path.read_bytes())
    content[at] ^= bit
    path.write_bytes(content)
    return path


def refuses(source, enlarger, message):
    target = source.with_name("made" + "".join(source.suffixes))
    with pytest.raises(UserError, match=message) as told:
        enlarge_file(source, target, enlarger, Options())
    assert "\n" not in str(told.value)
    assert not target.exists()


@pytest.mark.parametrize(("kind", "frames"), [(b"IDAT", 1), (b"tEXt", 1), (b"fdAT", 2), (b"acTL", 2)])
def test_every_chunk_of_a_png(tmp_path, nearest, kind, frames):
    content = png(tmp_path / "a.png", frames).read_bytes()
    begin, end = places(content, kind)
    for at in (begin, (begin + end) // 2, end - 1, end, end + 3):  # the checksum stands behind the content
        (tmp_path / "a.png").write_bytes(content)
        refuses(flipped(tmp_path / "a.png", at), nearest, "checksum|cannot be decoded")
    (tmp_path / "a.png").write_bytes(content + b"appended by some program")
    enlarge_file(tmp_path / "a.png", tmp_path / "made.png", nearest, Options())


def test_a_packed_volume_is_read_behind_its_voxels(tmp_path, nearest):
    nib = pytest.importorskip("nibabel")
    voxels = np.random.default_rng(0).integers(0, 4000, (24, 20, 6)).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "a.nii")
    content = (tmp_path / "a.nii").read_bytes()
    stored = bytearray(gzip.compress(content, 0, mtime=0))  # without compression: every flip is a voxel, no error
    path = tmp_path / "a.nii.gz"
    for at in (4000, len(stored) - 200, len(stored) - 8, len(stored) - 1):
        path.write_bytes(stored)
        refuses(flipped(path, at), nearest, "CRC check failed|Incorrect length")
    path.write_bytes(stored[:-6])
    refuses(path, nearest, "ended before")
    path.write_bytes(gzip.compress(content[:3000]) + gzip.compress(content[3000:]) + bytes(512))  # parts, and padding
    with formats.open(path) as file:
        assert np.array_equal(file.voxels[..., 0], voxels)


MORE = zlib.compress(PIXELS[..., 0].tobytes() + b"more than there are pixels")[:-1] + b"?"  # a wrong checksum
PLACE = [(33550, "d", 3, (10.0, 10.0, 0.0), True), (33922, "d", 6, (0.0, 0, 0, 5e5, 5e6, 0), True)]


def strip(path, packed, **more):
    """A TIFF of one band and one strip with these bytes."""
    tifffile.imwrite(path, iter([packed]), shape=PIXELS.shape[:2], dtype=np.uint8, compression="zlib",
                     rowsperstrip=24, **more)  # fmt: skip
    return path


def test_tiff_of_which_pillow_takes_what_it_needs(tmp_path, nearest):
    colours = {"photometric": "palette", "colormap": np.arange(768, dtype=np.uint16).reshape(3, 256) * 85}
    source = strip(tmp_path / "a.tif", MORE, **colours)
    assert np.array_equal(Image.open(source), PIXELS[..., 0])  # Pillow sees nothing
    refuses(source, nearest, "1 of its strips or tiles do not match their size or checksum")


def test_scenes_of_which_gdal_takes_what_it_needs(tmp_path, nearest):
    rasterio = pytest.importorskip("rasterio")
    source = strip(tmp_path / "a.tif", MORE, extratags=PLACE)
    with rasterio.open(source) as file:
        file.read()  # GDAL sees nothing
    refuses(source, nearest, "1 of its strips or tiles do not match their size or checksum")


def test_scenes_with_a_damaged_header(tmp_path, nearest):
    pytest.importorskip("rasterio")
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, photometric="rgb", compression="zlib", rowsperstrip=8, extratags=PLACE)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        at = file.pages[0].tags["StripByteCounts"].offset + 4
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[at : at + 4] = struct.pack("<I", 2)  # of 3 lengths
    (tmp_path / "a.tif").write_bytes(content)
    refuses(tmp_path / "a.tif", nearest, "damaged: it has 3 strips or tiles, and lengths of 2")


@pytest.mark.parametrize("compression", ["zlib", "lzma", "zstd", "lzw", None])
def test_whole_segments_are_no_damage(tmp_path, compression):
    for planar in ("contig", "separate"):
        pixels = np.moveaxis(PIXELS, -1, 0) if planar == "separate" else PIXELS
        tifffile.imwrite(tmp_path / "a.tif", pixels.astype(np.uint16), photometric="rgb", planarconfig=planar,
                         compression=compression, tile=(16, 16))  # fmt: skip
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            check_tiff(tmp_path, file)
            assert len(file.pages[0].dataoffsets) == (4 if planar == "contig" else 12)
    tifffile.imwrite(tmp_path / "a.tif", PIXELS > 99, compression=compression, rowsperstrip=10)  # bits; a short end
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        check_tiff(tmp_path, file)
