"""Metrics: each a pure function, and a torchmetrics class that averages it over the images of all processes."""

from .consistency import LRConsistency, lr_psnr
from .dists import DISTS
from .fidelity import PSNR, SSIM, psnr, ssim
from .niqe import NIQE, niqe
from .perceptual import LPIPS, STLPIPS
from .signs import Checkerboard, ColourShift, checkerboard, colour_shift
from .spectral import ERGAS, SAM, ergas, sam

__all__ = [
    "DISTS", "ERGAS", "LPIPS", "NIQE", "PSNR", "SAM", "SSIM", "STLPIPS",
    "Checkerboard", "ColourShift", "LRConsistency", "checkerboard", "colour_shift", "ergas",
    "lr_psnr", "niqe", "psnr", "sam", "ssim",
]  # fmt: skip
