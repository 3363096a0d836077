"""Penalties on the slope of D with respect to its image, which keep D from running ahead.

Both need full precision and logits that still hang on the image; those of several scales add up.
"""

import torch
from torch import Tensor


def r1(logits: list[Tensor], image: Tensor) -> Tensor:
    """1/2 mean over images of |dD/dimage|^2, on real images alone (Mescheder et al. 2018, arXiv 1801.04406, eq. 9).

    Args:
        logits: of `image`; patches of one image count together.
        image: N C H W, which asks for a gradient.
    """
    return _slopes(logits, image).square().sum(1).mean() / 2


def gradient_penalty(logits: list[Tensor], image: Tensor) -> Tensor:
    """Mean over images of (|dD/dimage| - 1)^2 (Gulrajani et al. 2017, arXiv 1704.00028, eq. 3).

    Args:
        logits: of `image`; the mean of an image's patches is its D.
        image: N C H W between a real and a generated one, see `between`; it asks for a gradient.
    """
    return (_slopes(logits, image).square().sum(1) + 1e-12).sqrt().sub(1).square().mean()


def between(hr: Tensor, sr: Tensor) -> Tensor:
    """A point between both images: hr + t (sr - hr), t uniform in [0, 1) for each image.

    t is drawn from the pixels of hr, the digits behind the sixth of their mean: so it is the same whichever process
    sees the image, and after an interruption, and no state of a random number generator has to be kept.
    """
    t = (hr.detach().double().mean((1, 2, 3), keepdim=True) * 1e6) % 1
    return (hr + t.to(hr.dtype) * (sr - hr)).detach()


def _slopes(logits: list[Tensor], image: Tensor) -> Tensor:
    """Gradient of each image's mean logit, summed over scales: N x CHW."""
    total = torch.stack([each.flatten(1).mean(1).sum() for each in logits]).sum()
    return torch.autograd.grad(total, image, create_graph=True)[0].flatten(1)
