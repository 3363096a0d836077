"""Metrics: each a pure function and a torchmetrics class that means it over images, right across processes."""

from .fidelity import PSNR, SSIM, psnr, ssim
from .perceptual import STLPIPS

__all__ = ["PSNR", "SSIM", "STLPIPS", "psnr", "ssim"]
