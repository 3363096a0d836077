"""Files beside an image that say where it lies, or hold it shrunk: under the names by which GDAL finds them.

World files: six lines, the steps of X and Y from pixel to pixel, and the centre of the first one. `.aux.xml`: what
GDAL knows of a file and the file cannot hold. Rational polynomials as text: `_RPC.TXT`, `.RPB`.
"""

import xml.etree.ElementTree as ET
from collections.abc import Collection
from pathlib import Path

from sr.atomic import replacing, write_text

AUX, OVERVIEWS = ".aux.xml", (".ovr", ".msk", ".msk.ovr")  # added to the whole name
POLYNOMIALS = ("_RPC.TXT", "_rpc.txt", ".RPB", ".rpb")  # in place of the suffix
COUNTED = ("Histograms", "Statistics")  # in the names of elements that were counted over the old pixels


def world_names(path: Path) -> list[Path]:
    """The world files that a name may have, in the order of GDAL: a.jgw, a.jpgw, a.wld for a.jpg."""
    suffix = path.suffix[1:]
    found = [f".{suffix[0]}{suffix[-1]}w", f".{suffix}w", ".wld"] if suffix else []
    return [path.with_suffix(name) for lower in found for name in (lower.lower(), lower.upper())]


def places_it(path: Path) -> bool:
    """Whether a file beside this one says where it lies."""
    named = [*world_names(path), path.with_suffix(".tab"), *_polynomials(path)]
    if any(other.is_file() for other in named):
        return True
    root = read_aux(path)
    return root is not None and (
        any(root.find(name) is not None for name in ("GeoTransform", "SRS", "GCPList"))
        or any(domain.get("domain") in ("RPC", "GEOLOCATION") for domain in root.findall("Metadata"))
    )


def forget(target: Path, new: Collection[Path] = ()) -> list[str]:
    """Remove what lies beside a file that was just written, and says where and what the one before it was.

    Args:
        target: the file.
        new: what was written beside it.

    Returns:
        A note for the user.
    """
    named = [target.with_name(target.name + name) for name in (AUX, *OVERVIEWS)] + _polynomials(target)
    named += [name for name in world_names(target) if name.suffix.lower() != ".wld"]  # which others may share
    gone = [path for path in named if path.is_file() and path not in new]
    for path in gone:
        path.unlink(missing_ok=True)
    return [f"removed {', '.join(path.name for path in gone)}, made for the file that was there before"] if gone else []


def carry(source: Path, target: Path, down: float, across: float, turned: bool = False) -> list[str]:
    """Write beside a picture what lies beside its source and places it, in pixels of the new size.

    Args:
        source, target: the pictures; what lay beside `target` is removed, as it was made for an older file.
        down, across: new size / old size, of rows and of columns.
        turned: the picture was turned upright, so that its rows and columns are others.

    Returns:
        Notes for the user.
    """
    if turned:
        left = "what lies beside it and places it is left out: the picture is turned upright, as its EXIF says"
        return [left] * places_it(source) + forget(target)
    world = next((path for path in world_names(source) if path.is_file()), None)
    numbers = None if world is None else _numbers(world)
    aux, polynomials = read_aux(source), [path.name for path in _polynomials(source) if path.is_file()]
    new, notes = [], []
    if world is not None and numbers is None:
        notes.append(f"{world.name} is left out: six numbers are needed in it")
    if world is not None and numbers is not None:
        new.append(target.with_suffix(".wld") if world.suffix.lower() == ".wld" else world_names(target)[0])
        write_text(new[-1], "".join(f"{x!r}\n" for x in scaled_world(numbers, down, across)))
        before, after = (path.with_suffix(".prj") for path in (source, target))
        if before.is_file() and before != after:
            with replacing(after) as temporary:
                temporary.write_bytes(before.read_bytes())
    if aux is not None and len(_scaled_aux(aux, down, across)):
        new.append(target.with_name(target.name + AUX))
        write_text(new[-1], ET.tostring(aux, encoding="unicode"))
    if polynomials:
        notes.append(f"{', '.join(polynomials)} is left out: make a GeoTIFF of the picture, which holds it")
    return [*(f"{path.name} beside it" for path in new), *notes, *forget(target, new)]


def scaled_world(numbers: list[float], down: float, across: float) -> list[float]:
    """A D B E C F of a world file: smaller steps, from the same corner."""
    a, d, b, e, c, f = numbers
    new = [a / across, d / across, b / down, e / down]
    return [*new, c - (a + b) / 2 + (new[0] + new[2]) / 2, f - (d + e) / 2 + (new[1] + new[3]) / 2]


def scaled_geolocation(tags: dict[str, str], down: float, across: float) -> dict[str, str]:
    """Arrays of longitude and latitude, as GDAL's domain GEOLOCATION has them: at which pixels their values lie."""
    scaled = dict(tags)
    centre = 0.5 if tags.get("GEOREFERENCING_CONVENTION") == "PIXEL_CENTER" else 0.0
    for axis, factor in (("PIXEL", across), ("LINE", down)):
        if f"{axis}_OFFSET" in tags:
            scaled[f"{axis}_OFFSET"] = repr((float(tags[f"{axis}_OFFSET"]) + centre) * factor - centre)
        if f"{axis}_STEP" in tags:
            scaled[f"{axis}_STEP"] = repr(float(tags[f"{axis}_STEP"]) * factor)
    return scaled


def _numbers(world: Path) -> list[float] | None:
    try:
        numbers = [float(word.replace(",", ".")) for word in world.read_text(errors="replace").split()]
    except (OSError, ValueError):
        return None
    return numbers if len(numbers) == 6 else None


def _polynomials(path: Path) -> list[Path]:
    return [path.with_name(path.stem + name) for name in POLYNOMIALS]


def read_aux(path: Path) -> ET.Element | None:
    """The `.aux.xml` beside a file; None without one that can be read."""
    try:
        return ET.parse(path.with_name(path.name + AUX)).getroot()
    except (OSError, ET.ParseError):
        return None


def _scaled_aux(root: ET.Element, down: float, across: float) -> ET.Element:
    """Scale what an .aux.xml counts in pixels; what was counted over the old ones is removed."""
    place = root.find("GeoTransform")
    if place is not None and place.text:
        x, a, b, y, d, e = (float(word) for word in place.text.split(","))
        place.text = ", ".join(repr(n) for n in (x, a / across, b / down, y, d / across, e / down))
    for point in root.findall("GCPList/GCP"):
        point.set("Pixel", repr(float(point.get("Pixel", 0)) * across))
        point.set("Line", repr(float(point.get("Line", 0)) * down))
    for item in root.findall("Metadata[@domain='RPC']/MDI"):
        factor, part = (down if item.get("key", "").startswith("LINE") else across), item.get("key", "")
        if part in ("LINE_OFF", "SAMP_OFF"):  # 0 is the centre of the first pixel
            item.text = repr((float(item.text or 0) + 0.5) * factor - 0.5)
        elif part in ("LINE_SCALE", "SAMP_SCALE"):
            item.text = repr(float(item.text or 1) * factor)
    items = {item.get("key", ""): item for item in root.findall("Metadata[@domain='GEOLOCATION']/MDI")}
    for key, value in scaled_geolocation({k: item.text or "" for k, item in items.items()}, down, across).items():
        items[key].text = value
    for parent in list(root.iter()):
        for child in list(parent):
            if (
                child.tag.startswith(COUNTED)
                or child.get("key", "").startswith("STATISTICS_")
                or child.tag == "Overviews"
            ):
                parent.remove(child)
    for name in ("PAMRasterBand", "Metadata"):
        for empty in [child for child in root.findall(name) if not len(child)]:
            root.remove(empty)
    return root
