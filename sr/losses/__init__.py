"""Losses: content losses take (sr, hr) and return a scalar; adversarial losses take D and the images.

A content loss that compares other images names its arguments in `inputs`, in their order: `inputs = ("sr", "lr")`.
There are

    sr       what the generator makes of lr, N C sH sW, with its gradient
    hr       the original, N C sH sW in [0, 1]
    lr       the input, N C H W in [0, 1]
    average  what the averaged generator (EMA) makes of lr, without a gradient; computed once a step where it is named

One term more, beside those of any losses option, from the command line:

    python -m sr.train +losses.content.terms.tv._target_=sr.losses.TotalVariation +losses.content.weights.tv=1e-3

and one less: `losses.content.terms.pixel=null ~losses.content.weights.pixel`.
"""

from .adversarial import Adversarial
from .artifacts import Artifacts
from .consistency import LRConsistency
from .frequency import FocalFrequency
from .hinge import Hinge
from .learned import DISTS, LPIPS, STLPIPS
from .least_squares import LeastSquares
from .perceptual import Perceptual
from .phases import Phases
from .pixel import L1, L2, Charbonnier, Huber
from .relativistic import RelativisticAverage
from .semantic import Semantic
from .spectral import SpectralAngle
from .structure import MSSSIM
from .total_variation import TotalVariation
from .vanilla import Vanilla
from .wasserstein import Wasserstein
from .wavelet import WaveletL1
from .weighted import WeightedSum

__all__ = [
    "DISTS", "L1", "L2", "LPIPS", "MSSSIM", "STLPIPS",
    "Adversarial", "Artifacts", "Charbonnier", "FocalFrequency", "Hinge", "Huber", "LRConsistency", "LeastSquares",
    "Perceptual", "Phases", "RelativisticAverage", "Semantic", "SpectralAngle", "TotalVariation", "Vanilla",
    "Wasserstein", "WaveletL1", "WeightedSum",
]  # fmt: skip
