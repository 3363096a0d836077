"""What the plain networks at low resolution share: their convolutions' first weights, and the way to the result."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


def conv(n_in: int, n_out: int) -> nn.Conv2d:
    """3x3, padded by one, for a PReLU behind it."""
    layer = nn.Conv2d(n_in, n_out, 3, padding=1)
    # He's gain for PReLU at 0.25: without it a plain stack of some depth starts with vanishing features.
    nn.init.kaiming_normal_(layer.weight, a=0.25)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def zero_conv(n_in: int, n_out: int) -> nn.Conv2d:
    """3x3, padded by one, of zeros: a network that ends with it starts as what is added behind it."""
    layer = nn.Conv2d(n_in, n_out, 3, padding=1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def onto_nearest(features: Tensor, lr: Tensor, scale: int) -> Tensor:
    """N (C s^2) H W and N C H W to N C sH sW: the sub-pixel step (arXiv 1609.05158), added to `lr`, repeated."""
    if not torch.is_inference_mode_enabled():
        return F.pixel_shuffle(features, scale) + F.interpolate(lr, scale_factor=scale, mode="nearest")
    # The same in one pass over the result instead of three, which exporters and autograd would not follow.
    n, channels, height, width = lr.shape
    shape = n, channels, height, scale, width, scale
    out = torch.empty(shape, dtype=torch.result_type(features, lr), device=lr.device)
    shuffled = features.unflatten(1, (channels, scale, scale)).permute(0, 1, 4, 2, 5, 3)
    return torch.add(shuffled, lr[:, :, :, None, :, None], out=out).view(n, channels, scale * height, scale * width)
