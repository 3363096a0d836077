"""Losses: content losses take (sr, hr) and return a scalar; adversarial losses take D and the images.

A content loss that compares other images names its arguments in `inputs`, in their order: `inputs = ("sr", "lr")`.
There are

    sr       what the generator makes of lr, N C sH sW, with its gradient
    hr       the original, N C sH sW in [0, 1]
    lr       the input, N C H W in [0, 1]
    average  what the averaged generator (EMA) makes of lr, without a gradient; computed once a step where it is named
"""

from .adversarial import Adversarial
from .hinge import Hinge
from .least_squares import LeastSquares
from .perceptual import Perceptual
from .pixel import L1, L2, Charbonnier
from .relativistic import RelativisticAverage
from .vanilla import Vanilla
from .wasserstein import Wasserstein
from .weighted import WeightedSum

__all__ = [
    "L1",
    "L2",
    "Adversarial",
    "Charbonnier",
    "Hinge",
    "LeastSquares",
    "Perceptual",
    "RelativisticAverage",
    "Vanilla",
    "Wasserstein",
    "WeightedSum",
]
