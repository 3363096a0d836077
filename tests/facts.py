"""What a file says, read by libraries alone and not by `sr`: facts that enlarging leaves as they are, and the pixels.

A fact is what a user means by it: not the distance of pixels but the length of the image, not the first pixel's
centre but the corner, not the resolution but the size on paper.
"""

import json
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

from tests.formats.picture.raw import chunks_of

Facts = dict[str, Any]
OF_THE_SIZE = (256, 257, 282, 283, 273, 278, 279, 0xA002, 0xA003, 0x8769, 0x8825, 0xA005, 274)  # tags of TIFF and EXIF


def facts_of(path: Path) -> tuple[Facts, np.ndarray]:
    """Facts, and pixels T H W C (X Y Z T of a volume), upright, of a file of any kind.

    A resolution in `dpi` is that of the file itself; tests compare the size on paper.
    """
    name = path.name.lower()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name.endswith((".nii", ".nii.gz")):
            return of_volume(path)
        if path.parent.name == "dicom":
            return of_dicom(path)
        if path.parent.name == "clips":
            return of_clip(path)
        if path.parent.name == "scenes":
            return of_scene(path)
        return of_picture(path)


# --- pictures and animations ------------------------------------------------------------------------------------------


def of_picture(path: Path) -> tuple[Facts, np.ndarray]:
    try:
        return _of_picture(path)
    except UnidentifiedImageError:  # a TIFF of more bits or bands than Pillow reads
        pixels = _of_tifffile(path)[None]
        return {"channels": pixels.shape[-1], "dtype": pixels.dtype.name}, pixels


def _of_picture(path: Path) -> tuple[Facts, np.ndarray]:
    with Image.open(path) as image:
        info, frames = image.info, getattr(image, "n_frames", 1) if image.format not in ("MPO", "TIFF") else 1
        exif = image.getexif()
        upright = exif.get(274, 1)
        facts: Facts = {
            "format": "JPEG" if image.format == "MPO" else image.format, "frames": frames,
            "icc": info.get("icc_profile") if image.mode != "CMYK" else None,
            "exif": {k: v for k, v in exif.items() if k not in OF_THE_SIZE},
            "camera": {k: v for k, v in exif.get_ifd(0x8769).items() if k not in OF_THE_SIZE},
            "place": dict(exif.get_ifd(0x8825)), "comment": info.get("comment"), "gamma": info.get("gamma"),
            "primaries": info.get("chromaticity"), "srgb": info.get("srgb"),
            "text": {k: v for k, v in getattr(image, "text", {}).items() if "xmp" not in k and "Raw profile" not in k},
            "xmp": b"photo" in (_bytes(info.get("xmp") or info.get("XML:com.adobe.xmp") or exif.get(700) or b"")),
            "loop": info.get("loop"),
        }  # fmt: skip
        if facts["format"] == "TIFF":
            facts["exif"] = {k: v for k, v in facts["exif"].items() if k in (270, 271, 272, 306, 315, 33432)}
        if "dpi" in info and path.suffix != ".webp":
            facts["dpi"] = round(float(info["dpi"][0]))
        if frames > 1:
            pixels, facts["times"] = _animated(image)
        else:
            pixels = _still(path, image, upright)
    facts |= {"channels": pixels.shape[-1], "dtype": pixels.dtype.name}
    if path.suffix == ".png":
        facts |= {kind.decode().lower(): tuple(data) for kind, data in chunks_of(path.read_bytes())
                  if kind in (b"cICP", b"cLLI", b"vpAg")}  # fmt: skip
    if path.suffix in (".avif", ".heic", ".heif"):
        at = path.read_bytes().find(b"colrnclx")
        found = tuple(path.read_bytes()[at + 9 : at + 12 : 2]) if at >= 0 else None
        facts["nclx"] = (1, 13) if found in (None, (2, 2)) else found  # sRGB, which is taken where nothing is said
    if facts["format"] == "TIFF":
        with tifffile.TiffFile(path) as file:
            facts["inverted"] = file.pages[0].photometric == tifffile.PHOTOMETRIC.MINISWHITE
    world = path.with_suffix(f".{path.suffix[1]}{path.suffix[-1]}w")
    if world.is_file():
        a, d, b, e, c, f = map(float, world.read_text().split())
        facts["corner"] = c - (a + b) / 2, f - (d + e) / 2
        facts["across"] = a * pixels.shape[2], e * pixels.shape[1]
    return facts, pixels


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _still(path: Path, image: Image.Image, orientation: int) -> np.ndarray:
    keyed = "transparency" in image.info and image.mode != "P"
    if image.format == "PNG" and (keyed or path.read_bytes()[24] == 16):
        pixels = imagecodecs.png_decode(path.read_bytes())
    elif image.format == "AVIF" and b"pixi\0\0\0\0\3\x0a" in path.read_bytes():
        pixels = imagecodecs.avif_decode(path.read_bytes())
    elif image.format == "HEIF" and image.info["bit_depth"] > 8:
        import pillow_heif

        pixels = np.asarray(pillow_heif.open_heif(path, convert_hdr_to_8bit=False))
    elif image.format == "TIFF" and image.mode not in ("P", "CMYK", "1"):
        pixels = _of_tifffile(path)
    else:
        clear = "transparency" in image.info
        mode = {"P": "RGBA" if clear else "RGB", "CMYK": "RGB", "1": "L"}.get(image.mode, image.mode)
        pixels = np.asarray(image.convert(mode))
    turn = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_90}  # fmt: skip
    if orientation in turn:
        planes = np.moveaxis(np.atleast_3d(pixels), -1, 0)
        pixels = np.stack([Image.fromarray(np.ascontiguousarray(p)).transpose(turn[orientation]) for p in planes], -1)
    return np.atleast_3d(pixels)[None]


def _of_tifffile(path: Path) -> np.ndarray:
    with tifffile.TiffFile(path) as file:
        pixels = file.pages[0].asarray()
        return np.atleast_3d(
            np.moveaxis(pixels, 0, -1) if file.pages[0].planarconfig == 2 and pixels.ndim == 3 else pixels
        )


def _animated(image: Image.Image) -> tuple[np.ndarray, list[float]]:
    frames, times = [], []
    for number in range(image.n_frames):
        image.seek(number)
        frames.append(np.asarray(image.convert("RGBA")))
        times.append(image.info.get("duration"))
    return np.stack(frames), times


# --- clips ------------------------------------------------------------------------------------------------------------


def of_clip(path: Path) -> tuple[Facts, np.ndarray]:
    import av

    with av.open(path) as file:
        films = [s for s in file.streams.video if "attached_pic" not in repr(s.disposition)]
        stream = films[0]
        context = stream.codec_context
        decoder = context
        if context.name in ("vp8", "vp9"):  # FFmpeg's own decoder leaves transparency out
            decoder = av.CodecContext.create({"vp8": "libvpx", "vp9": "libvpx-vp9"}[context.name], "r")
        packets: dict[int, list[bytes]] = {s.index: [] for s in file.streams if s.type in ("audio", "subtitle")}
        frames = []
        for packet in file.demux():
            if packet.stream is stream:
                frames += decoder.decode(packet)
            elif packet.stream.index in packets and packet.size:
                packets[packet.stream.index].append(bytes(packet))
        facts: Facts = {
            "frames": len(frames), "films": len(films), "covers": len(file.streams.video) - len(films),
            "form": frames[0].format.name, "codec": context.name, "range": int(context.color_range),
            "matrix": context.colorspace, "primaries": context.color_primaries, "transfer": context.color_trc,
            "shape of a pixel": stream.sample_aspect_ratio, "sound": list(packets.values()),
            "title": file.metadata.get("title"),
            "chapters": [chapter["metadata"].get("title") for chapter in file.chapters()],
            "steps": np.diff([float(f.pts * f.time_base) for f in frames]).round(2).tolist(),
        }  # fmt: skip
        depth = max(component.bits for component in frames[0].format.components)
        form = "rgba" if facts["form"] in ("yuva420p", "argb", "rgba", "bgra") else "rgb24"
        pixels = np.stack([frame.to_ndarray(format=form) for frame in frames])
        turned = round(frames[0].rotation / 90) % 4 if frames[0].rotation else 0
        pixels = np.rot90(pixels, turned, (1, 2))
    return facts | {"bits": depth}, pixels


# --- DICOM ------------------------------------------------------------------------------------------------------------

# What is written anew, or is another one's name: PS3.3, C.7.6.1 and C.12.4
ANEW = {"PixelData", "Rows", "Columns", "SOPInstanceUID", "SeriesInstanceUID", "SeriesDescription", "ImageType",
        "SourceImageSequence", "DerivationDescription", "SmallestImagePixelValue", "LargestImagePixelValue",
        "PhotometricInterpretation", "PlanarConfiguration", "SharedFunctionalGroupsSequence",
        "PerFrameFunctionalGroupsSequence", "SequenceOfUltrasoundRegions", "DetectorInformationSequence",
        "OverlayRows", "OverlayColumns", "OverlayData", "OverlayOrigin"}  # fmt: skip
IN_MM = ("PixelSpacing", "ImagerPixelSpacing", "ImagePlanePixelSpacing", "NominalScannedPixelSpacing")
PLACES = ("ImagePositionPatient", "RTImagePosition")


def of_dicom(path: Path) -> tuple[Facts, np.ndarray]:
    import pydicom
    from pydicom.pixels import pixel_array

    data = pydicom.dcmread(path, force=True)
    facts: Facts = {}
    for element in data:
        if element.tag.group < 0x5000 and element.keyword not in {*ANEW, *IN_MM, *PLACES} and element.tag.element:
            facts[element.keyword or str(element.tag)] = element.value
    shared = data.get("SharedFunctionalGroupsSequence")
    for keyword in IN_MM:
        if pair := data.get(keyword):
            facts[f"{keyword} times size"] = np.round([pair[0] * data.Rows, pair[1] * data.Columns], 6).tolist()
    places = [(data.get("ImagePositionPatient"), data.get("PixelSpacing"), data.get("ImageOrientationPatient"))]
    if shared:
        measures = shared[0].PixelMeasuresSequence[0].PixelSpacing
        facts["size of frames"] = [measures[0] * data.Rows, measures[1] * data.Columns]
        places = [(g.PlanePositionSequence[0].ImagePositionPatient, measures,
                   shared[0].PlaneOrientationSequence[0].ImageOrientationPatient)
                  for g in data.PerFrameFunctionalGroupsSequence]  # fmt: skip
    facts["corners"] = [_corner(*place) for place in places if all(place)]
    pixels = pixel_array(data)
    frames, samples = int(data.get("NumberOfFrames") or 1), int(data.SamplesPerPixel)
    return facts, pixels.reshape(frames, data.Rows, data.Columns, samples)


def _corner(position: Any, spacing: Any, orientation: Any) -> list[float]:
    """The outer corner of the first pixel, in the patient."""
    row, column = np.array(orientation, float).reshape(2, 3)
    at = np.array(position, float) - 0.5 * (float(spacing[1]) * row + float(spacing[0]) * column)
    return at.round(4).tolist()


# --- volumes ----------------------------------------------------------------------------------------------------------

OF_THE_GRID = {"dim", "pixdim", "qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z", "slice_end",
               "slice_start", "slice_duration", "slice_code", "vox_offset", "sizeof_hdr", "magic", "eol_check",
               "scl_slope", "scl_inter", "quatern_b", "quatern_c", "quatern_d"}  # fmt: skip


def of_volume(path: Path) -> tuple[Facts, np.ndarray]:
    import nibabel

    image = nibabel.load(path)
    header = image.header
    facts: Facts = {key: header[key].tolist() for key in header if key not in OF_THE_GRID}
    ends = np.array([[-0.5] * 3, [n - 0.5 for n in (*image.shape, 1)[:3]]])
    facts["corners"] = nibabel.affines.apply_affine(image.affine, ends).round(3).tolist()
    facts["class"], facts["extensions"] = type(image).__name__, [e.get_content() for e in header.extensions]
    facts["steps"] = [round(float(z), 5) for z in header.get_zooms()[3:]]
    facts["scale"] = image.dataobj.slope, image.dataobj.inter
    facts["packed"] = path.read_bytes()[:2] == b"\x1f\x8b"
    voxels = np.asarray(image.dataobj.get_unscaled())
    return facts, voxels.reshape(*(*voxels.shape, 1)[:3], -1)


# --- scenes -----------------------------------------------------------------------------------------------------------


def of_scene(path: Path) -> tuple[Facts, np.ndarray]:
    import rasterio

    with rasterio.open(path) as file:
        structure = file.tags(ns="IMAGE_STRUCTURE")
        facts: Facts = {
            "crs": file.crs and file.crs.to_wkt(), "nodata": repr(file.nodata), "units": file.units,
            "names": file.descriptions, "scales": file.scales, "offsets": file.offsets, "dtypes": file.dtypes,
            "colours": [c.name for c in file.colorinterp], "masks": [[f.name for f in m] for m in file.mask_flag_enums],
            "tags": {"AREA_OR_POINT": "Area"} | {k: v for k, v in file.tags().items()
                                                 if "RESOLUTION" not in k and "shape" not in v},
            "of bands": [{k: v for k, v in file.tags(b).items() if "STATISTICS" not in k} for b in file.indexes],
            "statistics": [any("STATISTICS" in k for k in file.tags(b)) for b in file.indexes],
            "domains": {ns: file.tags(ns=ns) for ns in file.tag_namespaces() if ns == "MINE"},
            "compression": structure.get("COMPRESSION", "DEFLATE"),  # what is not packed may be, without loss
             "layout": structure.get("LAYOUT"), "bits": file.tags(1, ns="IMAGE_STRUCTURE").get("NBITS"),
            "overviews": bool(file.overviews(1)), "profile": file.tags(ns="COLOR_PROFILE").get("SOURCE_ICC_PROFILE"),
        }  # fmt: skip
        if file.colorinterp[0].name == "palette":
            facts["palette"] = file.colormap(1)
        if not file.transform.is_identity:
            corners = [file.transform * (x * file.width, y * file.height) for x, y in ((0, 0), (1, 0), (0, 1), (1, 1))]
            facts["corners"] = np.round(corners, 4).tolist()
        points, crs = file.gcps
        if points:
            facts["points"] = [(round(p.row / file.height, 6), round(p.col / file.width, 6), p.x, p.y) for p in points]
            facts["points' crs"] = crs and crs.to_wkt()
        if file.rpcs is not None:
            rpcs = file.rpcs
            at = (rpcs.line_off + 0.5) / file.height, (rpcs.samp_off + 0.5) / file.width
            facts["rpcs"] = [*np.round(at, 9), rpcs.line_scale / file.height, rpcs.samp_scale / file.width,
                             rpcs.lat_off, rpcs.long_off, rpcs.line_num_coeff, rpcs.samp_den_coeff]  # fmt: skip
        pixels = np.moveaxis(file.read(masked=True), 0, -1)[None]
    facts["missing"] = float(np.ma.getmaskarray(pixels).mean())
    return facts, pixels.filled(0)


# --- programs of others -----------------------------------------------------------------------------------------------


def of_exiftool(paths: list[Path]) -> dict[Path, Facts]:
    """What exiftool says of many files, by the groups of its tags: in one run, for its start takes longest."""
    command = ["exiftool", "-json", "-G1", "-a", "-struct", *map(str, paths)]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    return {Path(entry.pop("SourceFile")): entry for entry in said}


def of_ffprobe(path: Path) -> Facts:
    command = ["ffprobe", "-v", "warning", "-count_frames", "-show_streams", "-show_format", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    film = next(s for s in said["streams"] if s["codec_type"] == "video" and not s["disposition"]["attached_pic"])
    keys = ("codec_name", "pix_fmt", "color_range", "color_space", "color_transfer", "color_primaries",
            "sample_aspect_ratio", "nb_read_frames")  # fmt: skip
    return {key: film.get(key) for key in keys} | {"size": (film["width"], film["height"]), "warnings": done.stderr,
            "streams": [s["codec_name"] for s in said["streams"] if s["codec_type"] != "video"]}  # fmt: skip


def of_gdalinfo(path: Path) -> Facts:
    said = json.loads(subprocess.check_output(["gdalinfo", "-json", str(path)], text=True))
    corners = {k: np.round(v, 4).tolist() for k, v in said.get("cornerCoordinates", {}).items()}
    bands = [{k: b.get(k) for k in ("type", "noDataValue", "colorInterpretation", "unit", "scale", "offset")}
             for b in said["bands"]]  # fmt: skip
    placed = "geoTransform" in said
    crs = said.get("coordinateSystem", {}).get("wkt", "").splitlines()
    return {"size": said["size"], "crs": crs and (crs[0], crs[-1].strip()), "bands": bands,
            "corners": corners if placed else None}  # fmt: skip


def of_simpleitk(path: Path) -> Facts:
    """Outer corners of the image in the patient, millimetres, and whether the file says where they are."""
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    image = SimpleITK.ReadImage(str(path))
    ends = [[-0.5] * image.GetDimension(), [n - 0.5 for n in image.GetSize()]]
    corners = [np.round(image.TransformContinuousIndexToPhysicalPoint(end), 3).tolist() for end in ends]
    volume = path.name.lower().endswith((".nii", ".nii.gz"))
    placed = path.name != "codes_00.nii" if volume else image.HasMetaDataKey("0020|0032") or any(image.GetOrigin())
    return {"size": image.GetSize(), "corners": corners, "placed": placed}


def at_hand(program: str) -> bool:
    return shutil.which(program) is not None
