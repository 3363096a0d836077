"""Where the cells of a panel lie in its PNG, so that a page can cut them out again."""

import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sr.atomic import replacing

HEADER_PX, GAP_PX = 18, 4
KEY = "cells"  # of the PNG's text: {"titles": of the columns, "rows": [[top, height, width of a cell], ...]}


def save(picture: Image.Image, file: Path) -> None:
    """Write a panel with what it says of its cells, whole or not at all."""
    text = PngInfo()
    text.add_text(KEY, picture.info[KEY])
    with replacing(file) as temporary:
        picture.save(temporary, pnginfo=text)


def cut(file: Path, models: Sequence[str]) -> list[dict[str, Image.Image]]:
    """The cells of a panel: for each row, title -> image; none where its grid is not known.

    Args:
        file: the PNG.
        models: names of its middle columns, for a panel written before panels told their cells: all of its cells have
            one size then.
    """
    with Image.open(file) as opened:
        opened.load()
        picture = opened.convert("RGB")
        told = json.loads(opened.info[KEY]) if KEY in opened.info else _told(picture, models)
    rows = []
    for top, height, width in told["rows"]:
        lefts = [i * (width + GAP_PX) for i in range(len(told["titles"]))]
        cells = [picture.crop((left, top, left + width, top + height)) for left in lefts]
        rows.append(dict(zip(told["titles"], cells, strict=True)))
    return rows


def _told(picture: Image.Image, models: Sequence[str]) -> dict[str, list]:
    titles = ["LR", "bicubic", *models, "HR"]
    pitch, odd = divmod(picture.width, len(titles))
    n, rest = divmod(picture.height - HEADER_PX, max(pitch, 1))
    if odd or rest or pitch <= GAP_PX:
        return {"titles": [], "rows": []}
    return {"titles": titles, "rows": [[HEADER_PX + i * pitch, pitch - GAP_PX, pitch - GAP_PX] for i in range(n)]}
