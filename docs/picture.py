"""The picture of the README: bundled models on photographs that scikit-image brings, beside bicubic and the original.

    python docs/picture.py    # writes docs/picture.jpg

None of them was trained on these photographs, which are shrunk by four beforehand, by MATLAB's bicubic.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

import sr
from sr.data.photos import folder
from sr.image.resize import imresize_uint8

BOXES = (("chelsea.png", (92, 68)), ("astronaut.png", (148, 32)))  # left and top of what is shown
SIDE, MODELS, HEADING = 192, ("nearest", "bicubic", "fast_x4", "srgan_x4"), 24


TARGET = Path(__file__).with_suffix(".jpg")


def main(target: Path = TARGET) -> None:
    """Draw it."""
    titles = ["what is given", "bicubic", "fast_x4", "srgan_x4", "original"]
    sheet = Image.new("RGB", (len(titles) * (SIDE + 4) - 4, HEADING + len(BOXES) * (SIDE + 4) - 4), "white")
    font = ImageFont.load_default(14)
    for column, title in enumerate(titles):
        ImageDraw.Draw(sheet).text((column * (SIDE + 4) + SIDE // 2, 3), title, "black", font, anchor="ma")
    for row, (name, (left, top)) in enumerate(BOXES):
        with Image.open(folder() / name) as photo:
            whole = torch.from_numpy(np.array(photo.convert("RGB"))).permute(2, 0, 1)
        whole = whole[:, : whole.shape[1] // 4 * 4, : whole.shape[2] // 4 * 4]
        given = Image.fromarray(imresize_uint8(whole, 1 / 4).permute(1, 2, 0).numpy())
        made = [sr.enlarge(given, model, scale=4) for model in MODELS]
        for column, image in enumerate([*made, Image.fromarray(whole.permute(1, 2, 0).numpy())]):
            part = image.crop((left, top, left + SIDE, top + SIDE))
            sheet.paste(part, (column * (SIDE + 4), HEADING + row * (SIDE + 4)))
    sheet.save(target, quality=95, subsampling=0)


if __name__ == "__main__":
    main()
