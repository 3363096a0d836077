"""Pictures of a run: LR, bicubic, SR and HR beside each other."""

import json

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from sr.image.resize import imresize
from sr.image.view import visible

from .cells import GAP_PX, HEADER_PX, KEY


def crops(lr: Tensor, srs: list[Tensor], hr: Tensor, crop_px: int) -> list[Tensor]:
    """LR by nearest neighbour, bicubic, all `srs`, HR: the same square from the middle, each C P P in [0, 1]."""
    s = hr.shape[-1] // lr.shape[-1]
    nearest = lr.repeat_interleave(s, -1).repeat_interleave(s, -2)
    side = min(crop_px, *hr.shape[-2:])
    top, left = ((size - side) // 2 // s * s for size in hr.shape[-2:])
    images = (nearest, imresize(lr, s), *srs, hr)
    return [image[:, top : top + side, left : left + side].clamp(0, 1).cpu() for image in images]


def panel(rows: list[list[Tensor]], names: list[str]) -> Image.Image:
    """A grid under titles, which says where its cells are: see `cells.save`.

    Args:
        rows: what `crops` returns for each image.
        names: of its srs.
    """
    height = HEADER_PX + sum(row[0].shape[-2] + GAP_PX for row in rows)
    width = max(sum(cell.shape[-1] + GAP_PX for cell in row) for row in rows)
    canvas = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(canvas)
    top = HEADER_PX
    titles, places = ["LR", "bicubic", *names, "HR"], []
    for row in rows:
        left = 0
        places.append([top, *row[0].shape[-2:]])
        for title, cell in zip(titles, row, strict=True):
            pixels = (visible(cell).expand(3, -1, -1) * 255).round().to(torch.uint8).permute(1, 2, 0)
            canvas.paste(Image.fromarray(pixels.contiguous().numpy()), (left, top))
            if top == HEADER_PX:
                draw.text((left + 4, 3), title, fill="black")
            left += cell.shape[-1] + GAP_PX
        top += row[0].shape[-2] + GAP_PX
    canvas.info[KEY] = json.dumps({"titles": titles, "rows": places})
    return canvas
