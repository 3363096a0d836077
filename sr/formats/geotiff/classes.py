"""What a scene says of its classes: a palette, their names, an attribute table. GDAL keeps the latter in `.aux.xml`."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from sr.atomic import write_text

from ..beside import AUX, read_aux

NAMES, TABLE, COLOURS = "CategoryNames", "GDALRasterAttributeTable", "ColorTable"
COUNT = "1"  # GFU_PixelCount, the usage of a column of the table


def said_by(source: Any, path: Path) -> str:
    """What says that its numbers are labels; empty where nothing does."""
    if "palette" in (interpretation.name for interpretation in source.colorinterp):
        return "a palette"
    if bits(source) == 1:
        return "of one bit"
    if any(source.tags(band).get("LAYER_TYPE", "").lower() == "thematic" for band in range(source.count + 1)):
        return "LAYER_TYPE=thematic"
    return "names of its classes" if names(path) else ""


def names(path: Path) -> bool:
    """Whether a file beside it names classes."""
    bands = _bands(path)
    tables = [table for band in bands for table in band.findall(TABLE)]
    thematic = any(table.get("tableType", "thematic") == "thematic" for table in tables)
    return thematic or any(band.find(NAMES) is not None for band in bands)


def bits(source: Any) -> int | None:
    """Bits of a pixel, where fewer than its type has are in use."""
    found = source.tags(1, ns="IMAGE_STRUCTURE").get("NBITS")
    return int(found) if found else None


def has_palette(source: Any) -> bool:
    """Whether it has a palette that a GeoTIFF can hold: for one band of 8 or 16 bits."""
    one = source.count == 1 and source.dtypes[0] in ("uint8", "uint16")
    return one and source.colorinterp[0].name == "palette"


def carry(source: Any, path: Path, target: Path) -> tuple[list[Path], list[str]]:
    """Write beside the result what a GeoTIFF does not hold of its classes.

    Returns:
        What was written, and notes for the user.
    """
    kept, notes = ET.Element("PAMDataset"), []
    for band in _bands(path):
        made = ET.SubElement(kept, "PAMRasterBand", band.attrib)
        for name in (NAMES, TABLE, *([] if has_palette(source) else [COLOURS])):
            made.extend(band.findall(name))
        for table in made.findall(TABLE):
            columns = len(table.findall("FieldDefn"))
            if all(len(row.findall("F")) == columns for row in table.findall("Row")):
                notes += _without_counts(table)
            else:
                made.remove(table)
                notes.append(f"its attribute table is left out: its rows do not fit its {columns} columns")
        if not len(made):
            kept.remove(made)
    if (esri := path.with_name(f"{path.name}.vat.dbf")).is_file():
        notes.append(f"{esri.name} is left out: it counts the old pixels")
    if not len(kept):
        return [], notes
    beside = target.with_name(target.name + AUX)
    write_text(beside, ET.tostring(kept, encoding="unicode"))
    return [beside], [f"{beside.name} beside it, with what it says of its classes", *notes]


def _bands(path: Path) -> list[ET.Element]:
    root = read_aux(path)
    return [] if root is None else root.findall("PAMRasterBand")


def _without_counts(table: ET.Element) -> list[str]:
    """Remove the columns that count pixels."""
    columns = table.findall("FieldDefn")
    counts = [i for i, column in enumerate(columns) if column.findtext("Usage") == COUNT]
    for i in reversed(counts):
        table.remove(columns[i])
        for row in table.findall("Row"):
            row.remove(row.findall("F")[i])
    for i, column in enumerate(table.findall("FieldDefn")):
        column.set("index", str(i))
    return ["counts of the old pixels are left out of its attribute table"] if counts else []
