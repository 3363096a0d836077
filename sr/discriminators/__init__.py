"""Discriminators: from an image to logits, high where it looks real.

`D(image, hr=None, features=False)`: images N C H W in [0, 1]; `hr` is the real image that belongs to `image` (for a
real one it is that image itself), and most discriminators ignore it. Logits are N 1, N 1 H' W' (one for each place), or
a list of such tensors (one for each scale). With `features=True` it returns (logits, inner activations, a list), which
feature matching compares.
"""

from .patch import PatchDiscriminator
from .semantic import SemanticDiscriminator
from .unet import UNetDiscriminator
from .vgg import VGGDiscriminator
from .wavelet import WaveletDiscriminator

__all__ = [
    "PatchDiscriminator",
    "SemanticDiscriminator",
    "UNetDiscriminator",
    "VGGDiscriminator",
    "WaveletDiscriminator",
]
