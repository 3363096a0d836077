"""The pictures of the README: bundled models on photographs that scikit-image brings, beside bicubic and the original.

    python docs/picture.py    # writes docs/picture.jpg and docs/phone.jpg

None of them was trained on these photographs. Those of the first picture are shrunk by four, by MATLAB's bicubic; those
of the second are degraded by `degradation=phone`.
"""

from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

import sr
from sr.config import CONF, register
from sr.data.photos import folder
from sr.image.range import unit
from sr.image.resize import imresize_uint8

HERE = Path(__file__).parent
SIDE, HEADING = 192, 24
FIRST = [("chelsea.png", (92, 68)), ("astronaut.png", (148, 32))]  # left and top of what is shown
SECOND = [("coffee.png", (200, 96)), ("chelsea.png", (92, 68))]
DRAW = 1  # of degradation=phone: neither its best nor its worst


def shrunk(photo: Tensor) -> Tensor:
    """C H W of bytes, by four."""
    return imresize_uint8(photo, 1 / 4)


def by_phone(photo: Tensor) -> Tensor:
    """C H W of bytes, by four, as degradation=phone makes it."""
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        phone = instantiate(compose("evaluate", overrides=["degradation=phone"]).degradation)
    return phone(unit(photo[None]), [DRAW])[0][0].mul(255).round().byte()


def draw(target: Path, rows: list[tuple[Tensor, Tensor, tuple[int, int]]], models: list[str]) -> None:
    """A sheet of `rows`: lr, hr and where the box lies in hr."""
    titles = ["what is given", *models, "original"]
    sheet = Image.new("RGB", (len(titles) * (SIDE + 4) - 4, HEADING + len(rows) * (SIDE + 4) - 4), "white")
    font = ImageFont.load_default(14)
    for column, title in enumerate(titles):
        ImageDraw.Draw(sheet).text((column * (SIDE + 4) + SIDE // 2, 3), title, "black", font, anchor="ma")
    for row, (lr, hr, (left, top)) in enumerate(rows):
        given = image_of(lr)
        made = [sr.enlarge(given, model, scale=4) for model in ["nearest", *models]]
        for column, image in enumerate([*made, image_of(hr)]):
            part = image.crop((left, top, left + SIDE, top + SIDE))
            sheet.paste(part, (column * (SIDE + 4), HEADING + row * (SIDE + 4)))
    sheet.save(target, quality=95, subsampling=0)


def image_of(pixels: Tensor) -> Image.Image:
    """Of C H W of bytes."""
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())


def photo(name: str) -> Tensor:
    """C H W of bytes, both divisible by four."""
    with Image.open(folder() / name) as image:
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    return pixels[:, : pixels.shape[1] // 4 * 4, : pixels.shape[2] // 4 * 4]


def main(target: Path = HERE) -> list[Path]:
    """Draw them into a folder."""
    made = [target / "picture.jpg", target / "phone.jpg"]
    for file, boxes, degrade, model in ((made[0], FIRST, shrunk, "srgan_x4"), (made[1], SECOND, by_phone, "real_x4")):
        photos = [(photo(name), box) for name, box in boxes]
        draw(file, [(degrade(hr), hr, box) for hr, box in photos], ["bicubic", "fast_x4", model])
    return made


if __name__ == "__main__":
    main()
