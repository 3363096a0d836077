"""A picture taken once more: back to the light on a sensor, and from there to a picture (Brooks et al., CVPR 2019).

Unprocessing undoes the tone curve, the gamma, the colour matrix and the white balance of a camera's picture, with the
figures of "Unprocessing Images for Learned Raw Denoising" and of the code published with it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from sr.errors import UserError

from .bayer import METHODS, PATTERNS, demosaic, mosaic
from .compose import Steps
from .operator import Draw, Interval, Operator, Plan, at_once, column, interval, pick, shares, uniform

# CIE XYZ to the colours of the four cameras of the Darmstadt Noise Dataset under D65, as their DNG files have them
# (ColorMatrix2 of Adobe's DNG Converter; those of the last three also in the tables of dcraw and LibRaw).
CAMERAS = {
    "Huawei Nexus 6P": ((1.0234, -0.2969, -0.2266), (-0.5625, 1.6328, -0.0469), (-0.0703, 0.2188, 0.6406)),
    "Sony A7R": ((0.4913, -0.0541, -0.0202), (-0.6130, 1.3513, 0.2906), (-0.1564, 0.2151, 0.7183)),
    "Olympus E-M10": ((0.8380, -0.2630, -0.0639), (-0.2887, 1.0725, 0.2496), (-0.0627, 0.1427, 0.5438)),
    "Sony RX100 IV": ((0.6596, -0.2079, -0.0562), (-0.4782, 1.3016, 0.1933), (-0.0970, 0.1581, 0.5181)),
}
TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
BRIGHT = 0.9  # linear light from where on gains fade, so that white stays white
LEAST_GAIN = 0.2  # of what the normal distribution could draw, one time in a billion


class Camera(Operator):
    """What a camera makes of a scene.

    The image becomes the linear light that its sensor counts; there `sensor` comes. White balance, a Bayer mosaic and
    its interpolation, a colour matrix and gamma make a picture of it; there `picture` comes, and then the tone curve.
    All that is undone at first is done again at the end, so that without steps nothing but the mosaic is seen. Of
    other than three channels each is the image of a sensor without a mosaic.

    Args:
        sensor: name -> operator, on linear light: noise, bad pixels.
        picture: name -> operator, before the tone curve: denoising, sharpening.
        red, blue: gains of the white balance, drawn uniformly.
        exposure: mean and deviation of the normal distribution of what all channels are multiplied by on the sensor.
        gamma: of the picture.
        demosaic: bilinear and malvar (2004), how likely.
        probability: that it is applied.
    """

    def __init__(
        self,
        sensor: Mapping[str, Operator] = {},
        picture: Mapping[str, Operator] = {},
        red: Interval = (1.9, 2.4),
        blue: Interval = (1.5, 1.9),
        exposure: Sequence[float] = (0.8, 0.1),
        gamma: float = 2.2,
        demosaic: Mapping[str, float] = {"bilinear": 1.0, "malvar": 1.0},
        probability: float = 1.0,
    ) -> None:
        super().__init__(probability)
        self.red, self.blue = interval("red", red, 0.1), interval("blue", blue, 0.1)
        if len(exposure) != 2 or exposure[0] <= 0 or exposure[1] < 0:
            raise UserError(f"exposure={list(exposure)}; give the mean, above 0, and the deviation of a factor")
        self.exposure, self.gamma = tuple(exposure), gamma
        self.methods = shares("demosaic", demosaic, METHODS)
        self.sensor, self.picture = Steps(sensor), Steps(picture)
        self.unprocess, self.develop, self.tone = _Stage(unprocess), _Stage(develop), _Stage(_toned)

    def drawn(self, random: np.random.Generator) -> Plan:
        draw = self.draw(random)
        start: Plan = [(self.unprocess, draw), *self.sensor.plan(random), (self.develop, draw)]
        return [*start, *self.picture.plan(random), (self.tone, {})]

    def draw(self, random: np.random.Generator) -> Draw:
        weights = random.random(len(CAMERAS))
        return {
            "red": uniform(random, self.red),
            "blue": uniform(random, self.blue),
            "exposure": max(LEAST_GAIN, self.exposure[0] + self.exposure[1] * float(random.standard_normal())),
            "gamma": self.gamma,
            "cameras": (weights / weights.sum()).tolist(),
            "pattern": PATTERNS[int(random.integers(len(PATTERNS)))],
            "demosaic": pick(random, self.methods),
        }

    def named(self, name: str) -> Iterator[tuple[str, Operator]]:
        for part in ("unprocess", "sensor", "develop", "picture", "tone"):
            yield from getattr(self, part).named(f"{name}.{part}" if name else part)


class _Stage(Operator):
    """A part of a camera, with what the camera has drawn."""

    def __init__(self, work: Callable[[Tensor, Sequence[Draw]], Tensor]) -> None:
        super().__init__()
        self.work = work

    def forward(self, images: Sequence[Tensor], draws: Sequence[Draw], lr_size: tuple[int, int]) -> list[Tensor]:
        return at_once(images, lambda stack, chosen: self.work(stack, [draws[i] for i in chosen]))


def unprocess(images: Tensor, draws: Sequence[Draw]) -> Tensor:
    """Pictures, N C h w in [0, 1], to the linear light that a sensor counts, in [0, 1].

    Gains are undone less the brighter a pixel is, as in the paper: what is white has clipped on the sensor too.
    """
    light = untoned(images).clamp_(min=1e-8) ** column([draw["gamma"] for draw in draws], images)
    light = _coloured(light, [to_camera(draw["cameras"]) for draw in draws])
    gains = 1 / _gains(draws, images)
    white = ((light.mean(1, keepdim=True) - BRIGHT).clamp_(min=0) / (1 - BRIGHT)) ** 2
    return light.mul_(torch.maximum(white + (1 - white) * gains, gains)).clamp_(0, 1)


def develop(light: Tensor, draws: Sequence[Draw]) -> Tensor:
    """The light of a sensor to pictures, N C h w in [0, 1], without the tone curve."""
    light = (light * _gains(draws, light)).clamp_(0, 1)
    if light.shape[1] == 3:
        patterns = [draw["pattern"] for draw in draws]
        light = demosaic(mosaic(light, patterns), patterns, [draw["demosaic"] for draw in draws])
    light = _coloured(light, [to_camera(draw["cameras"]).inverse() for draw in draws])
    return light.clamp_(1e-8, 1) ** column([1 / draw["gamma"] for draw in draws], light)


def toned(image: Tensor) -> Tensor:
    """The tone curve of the paper, smoothstep: 3 x^2 - 2 x^3."""
    return image * image * (3 - 2 * image)


def untoned(image: Tensor) -> Tensor:
    """Its inverse on [0, 1]."""
    return 0.5 - torch.sin(torch.asin(1 - 2 * image.clamp(0, 1)) / 3)


def _toned(images: Tensor, draws: Sequence[Draw]) -> Tensor:
    return toned(images.clamp(0, 1))


def to_camera(weights: Sequence[float]) -> Tensor:
    """3 x 3, linear sRGB to the colours of a mean of the cameras; white stays white."""
    xyz_to_camera = (torch.tensor(list(weights), dtype=torch.float64)[:, None, None] * _matrices()).sum(0)
    matrix = xyz_to_camera @ torch.tensor(TO_XYZ, dtype=torch.float64)
    return matrix / matrix.sum(1, keepdim=True)


@lru_cache(maxsize=1)
def _matrices() -> Tensor:
    with torch.inference_mode(False):
        return torch.tensor(list(CAMERAS.values()), dtype=torch.float64)


def _coloured(images: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    if images.shape[1] != 3:
        return images
    return (torch.stack(list(matrices)).to(images) @ images.flatten(2)).view_as(images)


def _gains(draws: Sequence[Draw], like: Tensor) -> Tensor:
    """N C 1 1: of the white balance, and of the exposure."""
    balance = [(draw["red"], 1.0, draw["blue"]) if like.shape[1] == 3 else (1.0,) for draw in draws]
    exposure = column([draw["exposure"] for draw in draws], like)
    return torch.tensor(balance, dtype=like.dtype, device=like.device)[..., None, None] / exposure
