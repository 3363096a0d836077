"""Still images through real encoders, on the host: WebP, AVIF and JPEG by Pillow, HEIC by pillow-heif."""

import io
from collections.abc import Mapping

import numpy as np
import torch
from PIL import Image, features
from torch import Tensor

from sr.errors import UserError, optional

from .operator import Draw, Interval, Operator, interval, pick, shares, to_levels, whole

KINDS = {"webp": "WEBP", "avif": "AVIF", "heic": "HEIF", "jpeg": "JPEG"}


class Codec(Operator):
    """One of several formats, at a random quality.

    Args:
        formats: webp, avif, heic and jpeg, how likely.
        quality: whole numbers of 1 to 100, equally likely, as the encoders understand them.
        probability: that it is applied.

    Raises:
        UserError: an encoder is not installed.
    """

    def __init__(self, formats: Mapping[str, float], quality: Interval = (30, 90), probability: float = 1.0) -> None:
        super().__init__(probability)
        self.formats = shares("formats", formats, list(KINDS))
        self.quality = interval("quality", quality, 1, 100)
        if self.formats.get("heic"):
            optional("pillow_heif", "HEIC is written by pillow-heif", "heic").register_heif_opener()
        for name in ("webp", "avif"):
            if self.formats.get(name) and not features.check(name):
                raise UserError(f"formats={list(formats)}: this Pillow writes no {name}; pip install -U pillow")

    def draw(self, random: np.random.Generator) -> Draw:
        return {"format": pick(random, self.formats), "quality": whole(random, self.quality)}

    def alone(self, image: Tensor, draw: Draw, lr_size: tuple[int, int]) -> Tensor:
        return saved(image, KINDS[draw["format"]], draw["quality"])


def saved(image: Tensor, kind: str, quality: int) -> Tensor:
    """C h w in [0, 1] as it comes back from a file; of other than three channels each is a gray image."""
    levels = to_levels(image).byte().cpu()
    parts = [levels] if len(levels) == 3 else [plane.expand(3, -1, -1) for plane in levels[:, None]]
    result = []
    for part in parts:
        file = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(part.permute(1, 2, 0))).save(file, kind, quality=quality)
        with Image.open(file) as read:
            pixels = torch.from_numpy(np.array(read.convert("RGB"))).permute(2, 0, 1)
        result.append(pixels if len(levels) == 3 else pixels[:1])
    return torch.cat(result).to(image.device, image.dtype, memory_format=torch.contiguous_format).div_(255)
