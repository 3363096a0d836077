"""Losses: content losses take (sr, hr) and return a scalar; adversarial losses take D and the images."""

from .adversarial import Vanilla
from .perceptual import Perceptual
from .pixel import L1, L2, Charbonnier
from .weighted import WeightedSum

__all__ = ["L1", "L2", "Charbonnier", "Perceptual", "Vanilla", "WeightedSum"]
