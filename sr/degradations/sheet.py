"""A sheet of draws: what a degradation makes of pictures, with its parameters under each."""

from collections.abc import Sequence
from textwrap import wrap

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from sr.image.view import visible

from .operator import Draw
from .pairs import Degradation

ACROSS, DRAWS = 4, 16
LR_PX = 128  # side of what is shown, in pixels of lr, each of which is drawn 2 x 2
SHOWN_PX = 2
GAP_PX, LINE_PX, FONT_PX, WIDTH = 8, 14, 11, 44  # the last in characters under a picture
OWN = {"seed"}  # says where noise comes from, and nothing of it


def sheet(pictures: Sequence[tuple[str, Tensor]], degradation: Degradation, scale: int, draws: int) -> Image.Image:
    """The middle of each picture under draws 0, 1, 2 ..., four beside each other.

    Args:
        pictures: names, and hr 1 C sH sW in [0, 1].
        degradation: to look at.
        scale: of hr to lr.
        draws: how many of each picture.
    """
    cells = [
        (f"{name}, draw {n}", degradation(part, [n])[0][0], told(degradation, n))
        for name, part in ((name, middle(hr, scale)) for name, hr in pictures)
        for n in range(draws)
    ]
    side, lines = LR_PX * SHOWN_PX, max(len(cell[2]) for cell in cells) + 1
    step = side + GAP_PX, side + lines * LINE_PX + 2 * GAP_PX
    across = min(ACROSS, draws)
    rows = len(pictures) * -(-draws // across)
    canvas = Image.new("RGB", (across * step[0] + GAP_PX, rows * step[1] + GAP_PX), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(FONT_PX)
    for i, (title, lr, parameters) in enumerate(cells):
        picture, n = divmod(i, draws)
        row, column = divmod(n, across)
        left, top = GAP_PX + column * step[0], GAP_PX + (picture * -(-draws // across) + row) * step[1]
        canvas.paste(_drawn(lr), (left, top))
        for k, line in enumerate([title, *parameters]):
            pen.text((left, top + side + k * LINE_PX), line, "black" if k else "gray", font)
    return canvas


def middle(hr: Tensor, scale: int) -> Tensor:
    """The square in the middle of N C sH sW that makes at most 128 pixels of lr."""
    side = min(LR_PX, *(size // scale for size in hr.shape[-2:])) * scale
    top, left = ((size - side) // 2 for size in hr.shape[-2:])
    return hr[..., top : top + side, left : left + side].contiguous()


def told(degradation: Degradation, n: int) -> list[str]:
    """The parameters of sample `n`, in lines; of a degradation without any, its name."""
    draws = getattr(degradation, "draws", None)  # of chains, and what is made of them
    if draws is None:
        return [type(degradation).__name__.lower()]
    steps = [": ".join(filter(None, (name, _words(draw)))) for name, draw in draws(n)]
    steps = [line for step in steps for line in wrap(step, WIDTH)]
    return steps or ["nothing is done"]


def _words(draw: Draw) -> str:
    """Numbers to three digits."""
    shown = {key: f"{value:.3g}" if isinstance(value, float) else str(value) for key, value in draw.items()}
    return ", ".join(f"{key} {value}" for key, value in shown.items() if key not in OWN)


def _drawn(lr: Tensor) -> Image.Image:
    pixels = visible(lr).expand(3, -1, -1).mul(255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    image = Image.fromarray(pixels.copy())
    return image.resize((image.width * SHOWN_PX, image.height * SHOWN_PX), Image.Resampling.NEAREST)
