"""What a chain is made of: an operator draws the parameters of each sample, and is then applied to several."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn as nn
from torch import Tensor

from sr.errors import UserError

Draw = dict[str, Any]  # the parameters of one operator for one sample: numbers and words
Plan = list[tuple["Operator", Draw]]  # what is done to one sample, in order
Interval = Sequence[float]  # low and high; both may come


class Operator(nn.Module):
    """One kind of damage: `draw` says what is done to a sample, `alone` does it.

    Drawing is apart from doing, so that the parameters of a sample are plain numbers, the same on every device and in
    every batch, that can be told under a picture and counted in a test.

    Args:
        probability: that it is applied to a sample at all.
    """

    def __init__(self, probability: float = 1.0) -> None:
        super().__init__()
        if not 0 <= probability <= 1:
            raise UserError(f"{type(self).__name__}: probability={probability}; give a number of 0 to 1")
        self.probability = probability

    def plan(self, random: np.random.Generator) -> Plan:
        """What is done to one sample: nothing, or this operator; those made of others return several."""
        if self.probability < 1 and random.random() >= self.probability:
            return []
        return self.drawn(random)

    def drawn(self, random: np.random.Generator) -> Plan:
        """The same, where the operator is applied."""
        return [(self, self.draw(random))]

    def named(self, name: str) -> Iterator[tuple[str, "Operator"]]:
        """The operators that plans can hold, with the names of their places: this one, or those it is made of."""
        yield name, self

    def draw(self, random: np.random.Generator) -> Draw:
        """The parameters for one sample."""
        raise NotImplementedError

    def forward(self, images: Sequence[Tensor], draws: Sequence[Draw], lr_size: tuple[int, int]) -> list[Tensor]:
        """Apply it to samples, each with its own parameters.

        Args:
            images: C h w in [0, 1], float32 on one device; each sample has a size of its own.
            draws: of the samples, from `draw`.
            lr_size: height and width that the chain ends with.
        """
        return [self.alone(image, draw, lr_size) for image, draw in zip(images, draws, strict=True)]

    def alone(self, image: Tensor, draw: Draw, lr_size: tuple[int, int]) -> Tensor:
        """The same for one sample; an operator that does several at once has a `forward` of its own instead."""
        raise NotImplementedError


def to_levels(image: Tensor) -> Tensor:
    """An image in [0, 1] in whole levels of 8 bits, 0 to 255, as an encoder gets it."""
    return image.detach().mul(255).round_().clamp_(0, 255)


def together(images: Sequence[Tensor]) -> list[list[int]]:
    """Which images to work on at once: on a GPU those of one shape; on a CPU one by one, as its cache holds one."""
    if images and images[0].device.type == "cpu":
        return [[i] for i in range(len(images))]
    shapes: dict[Any, list[int]] = {}
    for i, image in enumerate(images):
        shapes.setdefault(image.shape, []).append(i)
    return list(shapes.values())


def at_once(images: Sequence[Tensor], work: Callable[[Tensor, list[int]], Tensor]) -> list[Tensor]:
    """What `work` makes of images, several at a time.

    Args:
        images: C h w each, of any sizes.
        work: n C h w and the places of these n among `images` to n C h w.
    """
    result = list(images)
    for chosen in together(images):
        for i, one in zip(chosen, work(torch.stack([images[i] for i in chosen]), chosen), strict=True):
            result[i] = one
    return result


def interval(name: str, given: Interval, least: float = float("-inf"), most: float = float("inf")) -> Interval:
    """[low, high] as it was given.

    Raises:
        UserError: it is none, or goes beyond `least` or `most`.
    """
    if any(isinstance(end, str) for end in given):
        raise UserError(f"{name}={list(given)} holds text; give [low, high] as numbers (-0.5: YAML reads -.5 as text)")
    if len(given) != 2 or not least <= given[0] <= given[1] <= most:
        bounds = f" within {least:g} and {most:g}" if most < float("inf") else f" from {least:g} on"
        raise UserError(f"{name}={list(given)}; give [low, high]{bounds}")
    return tuple(given)


def shares(name: str, given: Mapping[str, float], known: Sequence[str]) -> dict[str, float]:
    """Probabilities by name, as fractions of their sum.

    Raises:
        UserError: an unknown name, or no probability at all.
    """
    weights = {str(key): float(value) for key, value in given.items()}
    if not set(weights) <= set(known) or min(weights.values(), default=0) < 0 or sum(weights.values()) <= 0:
        raise UserError(f"{name}={weights}; give probabilities of {', '.join(known)}")
    return {key: value / sum(weights.values()) for key, value in weights.items()}


def uniform(random: np.random.Generator, given: Interval) -> float:
    """A number of an interval."""
    return given[0] + (given[1] - given[0]) * random.random()


def whole(random: np.random.Generator, given: Interval) -> int:
    """A whole number of an interval; all are equally likely."""
    return int(random.integers(int(given[0]), int(given[1]) + 1))


def pick(random: np.random.Generator, weights: Mapping[str, float]) -> str:
    """A name, by fractions that sum to 1."""
    rest = random.random()
    for name, weight in weights.items():
        if rest < weight:
            return name
        rest -= weight
    return [name for name, weight in weights.items() if weight > 0][-1]


def seed_of(random: np.random.Generator) -> int:
    """A seed for the noise of one image, which is drawn on its device."""
    return int(random.integers(2**32))


def column(values: Sequence[float], like: Tensor) -> Tensor:
    """N 1 1 1: a number for each image of `like`, N C H W."""
    return torch.tensor(list(values), dtype=like.dtype, device=like.device).view(-1, 1, 1, 1)


def seeded(draw: Draw, device: torch.device) -> torch.Generator:
    """The generator of that noise."""
    return torch.Generator(device).manual_seed(draw["seed"])
