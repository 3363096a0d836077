"""DISTS: compares structure and texture separately, so that another sample of the same texture costs little."""

from pathlib import Path

import torch
import torch.nn as nn
from torch import Tensor

from sr.errors import UserError

from .features import three_channels
from .heads import dists_heads
from .vgg import imagenet_vgg16

LAYERS = ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"]
CHANNELS = [3, 64, 128, 256, 512, 512]
C1 = C2 = 1e-6
SMALLEST_PX = 32


class TextureAndStructure(nn.Module):
    """DISTS, Ding et al. 2020 (arXiv 2004.07728), eq. 9.

    1 - sum over the image itself and five layers of VGG-16, over channels, of
    alpha (2 ma mb + c) / (ma^2 + mb^2 + c) + beta (2 cov + c) / (va + vb + c), moments over positions.

    Args:
        weights: a file with torchvision's VGG-16; otherwise it is fetched once.
        bands: three channels to look at, for images that are neither gray nor RGB.
        option: by which the user names a file, for the message.

    Raises:
        MissingError: the weights are neither in the file nor downloadable.
    """

    def __init__(self, weights: str | Path | None = None, bands: list[int] | None = None,
                 option: str = "metrics.dists.weights") -> None:  # fmt: skip
        super().__init__()
        alpha, beta = dists_heads()
        self.backbone = imagenet_vgg16(weights, option=f"{option}=FILE", pool="l2pool")
        self.bands = bands
        total = alpha.sum() + beta.sum()
        for i, (a, b) in enumerate(zip((alpha / total).split(CHANNELS), (beta / total).split(CHANNELS), strict=True)):
            self.register_buffer(f"alpha{i}", a, persistent=False)
            self.register_buffer(f"beta{i}", b, persistent=False)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """N C H W in [0, 1] twice, to N distances (0 = equal); float32, with a gradient."""
        if min(sr.shape[-2:]) < SMALLEST_PX:
            raise UserError(f"DISTS sees images of at least {SMALLEST_PX} pixels, got {sr.shape[-1]}x{sr.shape[-2]}")
        stages = []
        for image in (sr.float(), hr.float()):
            image = three_channels(image, self.bands)
            features = self.backbone(image, LAYERS)
            stages.append([image, *(features[name] for name in LAYERS)])
        similarity = sr.new_zeros(len(sr), dtype=torch.float32)
        for i, (a, b) in enumerate(zip(*stages, strict=True)):
            mean_a, mean_b = a.mean((2, 3)), b.mean((2, 3))
            var_a, var_b = a.var((2, 3), correction=0), b.var((2, 3), correction=0)
            covariance = ((a - mean_a[..., None, None]) * (b - mean_b[..., None, None])).mean((2, 3))
            texture = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
            structure = (2 * covariance + C2) / (var_a + var_b + C2)
            similarity += texture @ getattr(self, f"alpha{i}") + structure @ getattr(self, f"beta{i}")
        return 1 - similarity
