"""Pictures: what each format can store, and what each can say."""

import io
import struct
import zlib
from collections.abc import Iterator
from functools import partial

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, features

from tests.corpus import Sample
from tests.formats.picture.raw import png
from tests.formats.picture.samples import ICC, XMP, tagged
from tests.formats.test_transparency import disc, keyed

SIZE = (20, 24)
CHUNKS = {
    "gamma": (b"gAMA", struct.pack(">I", 100_000)),
    "primaries": (b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)),
    "srgb": (b"sRGB", b"\1"), "icc": (b"iCCP", b"ICC\0\0" + zlib.compress(ICC)),
    "pq": (b"cICP", bytes([9, 16, 0, 1])), "p3": (b"cICP", bytes([12, 13, 0, 1])),
    "light": (b"cLLI", struct.pack(">II", 10_000_000, 4_000_000)),
    "parameters": (b"tEXt", b"parameters\0a cat, steps: 20"),
    "description": (b"iTXt", b"Description\0\0\0\0\0" + "Kätzchen".encode()),
    "comment": (b"zTXt", b"Comment\0\0" + zlib.compress(b"long " * 50)),
    "dpi": (b"pHYs", struct.pack(">IIB", 11811, 11811, 1)), "xmp": (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
    "signature": (b"caBX", b"of the old pixels"), "own": (b"vpAg", b"safe to copy"),
}  # fmt: skip


def smooth(channels=3, top=255, dtype=np.uint8) -> np.ndarray:
    """H W C, what lossy coding keeps well: waves of another phase in each channel."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] / 12
    waves = np.stack([np.sin(x + k) * np.cos(y - k) for k in range(channels)], 2)
    return (top * (0.5 + 0.4 * waves)).astype(dtype)


def noise(depth=8, channels=3, dtype=None) -> np.ndarray:
    """H W C, or H W of one channel: every bit is in use."""
    shape = (*SIZE, channels) if channels > 1 else SIZE
    return np.random.default_rng(0).integers(0, 2**depth, shape).astype(dtype or (np.uint8, np.uint16)[depth > 8])


def raw_png(path, depth=8, channels=3, chunks=()):
    path.write_bytes(png(noise(depth, channels), depth, tuple(CHUNKS[name] for name in chunks)))


def of_imagecodecs(path, pixels):
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))


def with_key(path, kind):
    path.write_bytes(keyed(*kind)[0])


def see_through(channels=4, dtype=np.uint8) -> np.ndarray:
    """A soft disc over a colour that is not seen."""
    rgba = disc((200, 30, 20), (0, 255, 0), size=24).astype(dtype)
    rgba = rgba if channels == 4 else rgba[..., [0, 3]]
    return rgba * 257 if dtype == np.uint16 else rgba


def by_pillow(path, pixels=None, mode=None, **options):
    image = Image.fromarray(smooth() if pixels is None else pixels)
    image = image.convert(mode) if mode else image
    image.save(path, **options)


def turned(path, orientation, **options):
    exif = tagged()
    exif[274] = orientation
    by_pillow(path, exif=exif, **options)


def palette(path, colours=False, **options):
    """Of grays, or of a few colours."""
    pixels = noise(1) * 255 if colours else noise(2, 1) * 60
    Image.fromarray(pixels).convert("P", palette=Image.Palette.ADAPTIVE).save(path, **options)


def iptc(path):
    data = io.BytesIO()
    by_pillow(data, format="JPEG")
    block = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x08\x1c\x02\x50\0\x03Ann"
    segment = b"\xff\xed" + struct.pack(">H", len(block) + 2) + block
    path.write_bytes(data.getvalue()[:20] + segment + data.getvalue()[20:])


def several(path, **more):
    images = [Image.fromarray(smooth() // k) for k in (1, 2)]
    images[0].save(path, format="MPO", save_all=True, append_images=images[1:], **more)


HDR = (b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
       b'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0">'
       b'<dc>photo</dc><Container:Directory>two</Container:Directory></rdf:Description></x:xmpmeta>')  # fmt: skip


def ultra_hdr(path):
    """By libultrahdr: with a gain map that ISO 21496-1 describes."""
    light = np.ones((64, 80, 4), np.float16)  # 1 is the white of a display without high dynamic range
    light[..., :3] = np.mgrid[:64, :80].transpose(1, 2, 0)[..., [0, 1, 1]] / 20
    path.write_bytes(imagecodecs.ultrahdr_encode(light))


def placed(path, **more):
    by_pillow(path, **more)
    path.with_suffix(f".{path.suffix[1]}{path.suffix[-1]}w").write_text("10\n0\n0\n-10\n500005\n3999995\n")


def tiff(path, pixels, **options):
    tifffile.imwrite(path, pixels, **{"metadata": None} | options)


def packed(path):
    """Two bits a level."""
    bits = noise(2, 1)
    Image.fromarray(bits * 85).convert("1").save(path, compression="group4")


def avif(path, pixels=None, **options):
    path.write_bytes(imagecodecs.avif_encode(smooth() if pixels is None else pixels, 95, **options))


def deep_heic(path, pixels):
    """Of 10 bits."""
    import pillow_heif

    hdr = {"color_primaries": 9, "transfer_characteristics": 16, "matrix_coefficients": 9, "full_range_flag": 1}
    pillow_heif.encode("RGB;16", pixels.shape[1::-1], pixels.tobytes(), path, quality=95, **hdr)


def samples() -> Iterator[Sample]:
    rgb, gray = {"channels": 3, "dtype": "uint8"}, {"channels": 1, "dtype": "uint8"}
    rgba, deep, deep_gray = rgb | {"channels": 4}, rgb | {"dtype": "uint16"}, gray | {"dtype": "uint16"}
    yield from _png(rgb, gray, rgba, deep, deep_gray)
    yield from _jpeg(rgb, gray)
    yield from _tiff(rgb, gray, rgba, deep, deep_gray)
    yield from _others(rgb, gray, rgba)


def _png(rgb, gray, rgba, deep, deep_gray) -> Iterator[Sample]:
    for depth in (1, 2, 4, 8):
        yield Sample(f"png/gray_{depth}.png", partial(raw_png, depth=depth, channels=1), gray)
    yield Sample("png/gray_16.png", partial(raw_png, depth=16, channels=1), deep_gray)
    yield Sample("png/rgb.png", raw_png, rgb)
    yield Sample("png/rgb_16.png", partial(raw_png, depth=16), deep)
    yield Sample("png/gray_alpha.png", partial(of_imagecodecs, pixels=see_through(2)), gray | {"channels": 2})
    yield Sample("png/rgba.png", partial(of_imagecodecs, pixels=see_through()), rgba)
    yield Sample(
        "png/rgba_16.png", partial(of_imagecodecs, pixels=see_through(dtype=np.uint16)), deep | {"channels": 4}
    )
    yield Sample("png/palette.png", palette, rgb)
    yield Sample("png/indices.png", palette, rgb, ("labels, by nearest",), options={"labels": "nearest"})
    yield Sample("png/palette_clear.png", partial(palette, transparency=0), rgba)
    for name, kind in (("gray", (8, 1, 77)), ("gray_1", (1, 1, 1)), ("rgb", (8, 3, (9, 200, 31)))):
        channels = 2 if name != "rgb" else 4
        yield Sample(f"png/key_{name}.png", partial(with_key, kind=kind), gray | {"channels": channels})
    yield Sample("png/key_16.png", partial(with_key, kind=(16, 3, (40_000, 3, 77))), deep | {"channels": 4})
    for depth, dtype in ((8, rgb), (16, deep)):
        make = partial(raw_png, depth=depth)
        yield Sample(f"png/gamma_{depth}.png", partial(make, chunks=("gamma", "primaries")), dtype | {"gamma": 1.0})
        yield Sample(f"png/text_{depth}.png", partial(make, chunks=("parameters", "description", "comment")),
                     {"text": {"parameters": "a cat, steps: 20", "Description": "Kätzchen", "Comment": "long " * 50}},
                     )  # fmt: skip
        yield Sample(f"png/pq_{depth}.png", partial(make, chunks=("pq", "light")), {"cicp": (9, 16, 0, 1)})
        yield Sample(f"png/icc_{depth}.png", partial(make, chunks=("icc", "dpi", "xmp")), {"icc": ICC, "dpi": 600})
    yield Sample("png/p3.png", partial(raw_png, chunks=("p3",)), {"cicp": (12, 13, 0, 1)})
    yield Sample("png/srgb.png", partial(raw_png, chunks=("srgb", "own")))
    yield Sample("png/unsafe.png", partial(raw_png, chunks=("signature",)), told=("not kept: chunk caBX",))
    yield Sample("png/turned.png", partial(turned, orientation=6), {"exif": {271: "Maker", 33432: "Somebody"}})
    yield Sample("png/placed.png", placed, {"corner": (500000.0, 4000000.0)}, ("placed.pgw beside it",))


def _jpeg(rgb, gray) -> Iterator[Sample]:
    best = {"quality": 95}
    yield Sample("jpeg/gray.jpg", partial(by_pillow, pixels=smooth(1)[..., 0], **best), gray, within=2)
    yield Sample("jpeg/rgb.jpg", partial(by_pillow, subsampling=0, **best), rgb, within=2)
    yield Sample("jpeg/half.JPEG", partial(by_pillow, subsampling=2, **best), rgb, within=2)
    yield Sample("jpeg/progressive.jpg", partial(by_pillow, progressive=True, **best), rgb, within=2)
    yield Sample("jpeg/cmyk.jpg", partial(by_pillow, mode="CMYK", **best), rgb, within=2)
    for orientation in range(2, 9):
        yield Sample(f"jpeg/turned_{orientation}.jpg", partial(turned, orientation=orientation),
                     {"exif": {271: "Maker", 33432: "Somebody"}}, within=2)  # fmt: skip
    said = {"icc_profile": ICC, "xmp": XMP, "comment": "by hand", "dpi": (300, 300)}
    yield Sample("jpeg/said.jpg", partial(by_pillow, **best, **said), {"icc": ICC, "comment": b"by hand", "dpi": 600},
                 within=2)  # fmt: skip
    yield Sample("jpeg/iptc.jpg", iptc, within=2)
    yield Sample("jpeg/stereo.jpg", several, told=("not kept: 1 more picture(s) in it",), within=2)
    yield Sample("jpeg/gain_map.jpg", partial(several, xmp=HDR), within=2)
    if hasattr(imagecodecs, "ULTRAHDR") and imagecodecs.ULTRAHDR.available:
        yield Sample("jpeg/ultra_hdr.jpg", ultra_hdr, rgb, within=2)
    yield Sample("jpeg/placed.jpg", placed, {"corner": (500000.0, 4000000.0)}, ("placed.jgw beside it",), within=2)


def _tiff(rgb, gray, rgba, deep, deep_gray) -> Iterator[Sample]:
    kinds = {
        "gray": (noise(8, 1), {}, gray), "rgb": (noise(), {"photometric": "rgb"}, rgb),
        "gray_16": (noise(16, 1), {}, deep_gray), "rgb_16": (noise(16), {"photometric": "rgb"}, deep),
        "gray_32": (noise(31, 1, np.uint32), {}, {"dtype": "uint32"}),
        "signed": (noise(12, 1, np.int16) - np.int16(2000), {}, {"dtype": "int16"}),
        "float": (smooth(1, 5, np.float32)[..., 0], {}, {"dtype": "float32"}),
        "float_rgb": (smooth(3, 5, np.float32), {"photometric": "rgb"}, {"dtype": "float32"}),
        "double": (smooth(1, 5, np.float64)[..., 0], {}, {"dtype": "float64"}),
        "bands": (noise(16, 5), {"photometric": "minisblack", "planarconfig": "contig"}, deep | {"channels": 5}),
        "planes": (np.moveaxis(noise(8, 3), -1, 0), {"photometric": "rgb", "planarconfig": "separate"}, rgb),
        "rgba": (see_through(), {"photometric": "rgb", "extrasamples": ["unassalpha"]}, rgba),
        "rgba_16": (see_through(dtype=np.uint16), {"photometric": "rgb", "extrasamples": ["unassalpha"]},
                    deep | {"channels": 4}),
        "white": (noise(8, 1), {"photometric": "miniswhite"}, gray | {"inverted": True}),
        "white_16": (noise(16, 1), {"photometric": "miniswhite"}, deep_gray | {"inverted": True}),
        "lzw": (noise(), {"photometric": "rgb", "compression": "lzw"}, rgb),
        "zstd": (noise(16), {"photometric": "rgb", "compression": "zstd"}, deep),
        "deflate": (noise(16), {"photometric": "rgb", "compression": "zlib", "predictor": True}, deep),
        "float_predicted": (smooth(1, 5, np.float32)[..., 0], {"compression": "zlib", "predictor": True}, {}),
        "tiles": (noise(16), {"photometric": "rgb", "tile": (16, 16)}, deep),
        "big_endian": (noise(16), {"photometric": "rgb", "byteorder": ">"}, deep),
        "bigtiff": (noise(16), {"photometric": "rgb", "bigtiff": True}, deep),
    }  # fmt: skip
    for name, (pixels, options, says) in kinds.items():
        exact = 100 if name == "gray_32" else 1e-6  # pixels are computed as float32
        yield Sample(f"tiff/{name}.tif", partial(tiff, pixels=pixels, **options), says, within=exact)
    yield Sample("tiff/one_bit.tif", packed, gray)
    yield Sample("tiff/palette.tiff", palette, rgb)
    yield Sample("tiff/cmyk.tif", partial(by_pillow, mode="CMYK"), rgb)
    yield Sample("tiff/jpeg.tif", partial(by_pillow, compression="jpeg"), rgb, within=2)
    yield Sample("tiff/said.tif", partial(turned, orientation=8, icc_profile=ICC, dpi=(300, 300)),
                 {"icc": ICC, "exif": {271: "Maker", 33432: "Somebody"}, "dpi": 600})  # fmt: skip
    white = (318, 5, 2, (3127, 10000, 329, 1000), True)
    yield Sample("tiff/white_point.tif", partial(tiff, pixels=noise(), photometric="rgb", extratags=[white]),
                 told=("not kept: WhitePoint",))  # fmt: skip
    yield Sample("tiff/pages.tif", partial(tiff, pixels=np.zeros((2, 20, 24, 3), np.uint8), photometric="rgb"),
                 refused="not that of one image")  # fmt: skip


def _others(rgb, gray, rgba) -> Iterator[Sample]:
    said = {"icc_profile": ICC, "xmp": XMP, "exif": tagged()}
    yield Sample("webp/lossy.webp", partial(by_pillow, quality=90), rgb, within=2)
    yield Sample("webp/lossless.webp", partial(by_pillow, pixels=noise(), lossless=True), rgb)
    yield Sample("webp/rgba.webp", partial(by_pillow, pixels=see_through(), lossless=True, exact=True), rgba)
    yield Sample("webp/said.webp", partial(by_pillow, **said), {"icc": ICC, "exif": {271: "Maker", 33432: "Somebody"}},
                 within=2)  # fmt: skip
    yield Sample("bmp/rgb.bmp", by_pillow, rgb)
    yield Sample("bmp/gray.bmp", partial(by_pillow, pixels=noise(8, 1)), gray)
    yield Sample("bmp/palette.bmp", partial(palette, colours=True), rgb)
    if features.check("avif"):
        yield Sample("avif/rgb.avif", avif, rgb, within=3)
        yield Sample("avif/p3.avif", partial(avif, primaries=12, transfer=13), {"nclx": (12, 13)}, within=3)
        yield Sample("avif/pq.avif", partial(avif, primaries=9, transfer=16), {"nclx": (9, 16)}, within=3)
        yield Sample("avif/rgba.avif", partial(avif, pixels=see_through()), rgba, within=6)
        hdr = partial(avif, pixels=smooth(3, 1023, np.uint16), bitspersample=10, primaries=9, transfer=16)
        yield Sample("avif/deep.avif", hdr, {"nclx": (9, 16), "dtype": "uint16"}, within=10)
        yield Sample("avif/said.avif", partial(by_pillow, **said), {"icc": ICC}, within=3)
    try:
        import pillow_heif
    except ImportError:
        return
    pillow_heif.register_heif_opener()
    p3 = {"color_primaries": 12, "transfer_characteristics": 13, "save_nclx_profile": True}
    large = np.kron(smooth(), np.ones((4, 4, 1), np.uint8))  # x265 makes nothing smaller
    yield Sample("heic/rgb.heic", partial(by_pillow, pixels=large), rgb, within=3)
    yield Sample("heic/p3.heic", partial(by_pillow, pixels=large, **p3), {"nclx": (12, 13)}, within=3)
    deep = np.kron(smooth(3, 65535, np.uint16), np.ones((4, 4, 1), np.uint16))
    yield Sample("heic/deep.heic", partial(deep_heic, pixels=deep), {"nclx": (9, 16), "dtype": "uint16"}, within=700)
    yield Sample("heic/said.heif", partial(by_pillow, pixels=large, **said), {"icc": ICC}, within=3)
