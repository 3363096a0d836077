"""A discriminator of wavelet bands: WGSR, Korkmaz et al., CVPR 2024, arXiv 2402.19215, section 3."""

from collections.abc import Callable

import torch.nn as nn
from torch import Tensor

from sr.image.wavelet import luma_bands

from .layers import Answer


class WaveletDiscriminator(nn.Module):
    """Another discriminator, which sees the bands LH, HL and HH of a stationary wavelet transform alone.

    What is smooth, LL, is left to the content losses: generated detail is judged by itself. RGB images are judged by
    their luma, as published, all others by each channel. `gain` brings the bands into the units that the inner network
    likes; published are luma values of 16 to 235 and SRGAN's discriminator: 255.

    Args:
        inner: number of channels to a discriminator, any of this room but for the one that needs `hr`.
        channels: of the images.
        wavelet: haar or sym7, as published.
        gain: multiplies the bands.
    """

    def __init__(
        self, inner: Callable[..., nn.Module], channels: int = 3, wavelet: str = "sym7", gain: float = 255.0
    ) -> None:
        super().__init__()
        self.inner = inner(channels=3 * (1 if channels == 3 else channels))
        self.wavelet, self.gain = wavelet, gain

    def forward(self, image: Tensor, hr: Tensor | None = None, features: bool = False) -> Answer:
        """N C H W in [0, 1] to what the inner network answers.

        Args:
            image: real or generated.
            hr: the real image that belongs to it; not looked at.
            features: return (logits, inner activations).

        Raises:
            UserError: an image too small for the wavelet or the inner network.
        """
        bands = luma_bands(image, self.wavelet)[:, :, 1:]  # N C' 3 H W
        return self.inner(self.gain * bands.transpose(1, 2).flatten(1, 2), features=features)
