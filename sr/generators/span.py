"""SPAN: attention without parameters, Wan et al. 2023, arXiv 2311.12770, figures 2 and 3.

Parameter names are the published ones, so weights trained here open in the community's tools, and theirs open here.
"""

from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .rgb import mean_colour

GAIN = 2  # how much wider a convolution is inside while it is trained


class Conv3XC(nn.Module):
    """A 3x3 convolution, trained as 1x1 - 3x3 - 1x1 with a 1x1 beside it, and merged into one in eval mode.

    The names of the merged one are in the state too, as published; what a file holds there is not read, for it follows
    from the others and tools that save while they train do not bring it up to date.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.sk = nn.Conv2d(n_in, n_out, 1)
        self.conv = nn.Sequential(
            nn.Conv2d(n_in, n_in * GAIN, 1), nn.Conv2d(n_in * GAIN, n_out * GAIN, 3), nn.Conv2d(n_out * GAIN, n_out, 1)
        )
        self.eval_conv = nn.Module()  # buffers: it is never trained
        self.eval_conv.register_buffer("weight", torch.zeros(n_out, n_in, 3, 3))
        self.eval_conv.register_buffer("bias", torch.zeros(n_out))
        self.register_state_dict_pre_hook(_bring_up_to_date)

    def merged(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the one convolution that equals all of it."""
        (w1, b1), (w2, b2), (w3, b3), (w, b) = ((layer.weight, layer.bias) for layer in (*self.conv, self.sk))
        weight = torch.einsum("om,mkyx,ki->oiyx", w3[..., 0, 0], w2, w1[..., 0, 0]) + F.pad(w, (1, 1, 1, 1))
        return weight, w3[..., 0, 0] @ (w2.sum((2, 3)) @ b1 + b2) + b3 + b

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return self.conv(F.pad(x, (1, 1, 1, 1))) + self.sk(x)  # zeros before the first layer: its bias is there too
        return F.conv2d(x, *self.merged(), padding=1)


def _bring_up_to_date(module: nn.Module, *_: Any) -> None:
    """Before a state is read: what it holds of the merged convolution."""
    assert isinstance(module, Conv3XC)
    with torch.no_grad():
        for buffer, value in zip(module.eval_conv.buffers(), module.merged(), strict=True):
            buffer.copy_(value)


class Block(nn.Module):
    """Three convolutions; their result H and the input O make (O + H) (sigmoid(H) - 1/2), section 3.2."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c1_r, self.c2_r, self.c3_r = (Conv3XC(width, width) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """N K H W to (result, what the first convolution made)."""
        # Activated in place in the published code: what the last block hands on has passed SiLU.
        first = F.silu(self.c1_r(x))
        made = self.c3_r(F.silu(self.c2_r(first)))
        return (x + made) * (made.sigmoid() - 0.5), first


class SPAN(nn.Module):
    """Six blocks at low resolution, of which the first and the last are joined, and one sub-pixel convolution.

    The published networks have 48 channels (SPAN-S, 0.43 M parameters at scale 4 when merged) and 52 (SPAN, 0.50 M).

    Args:
        scale: any positive integer.
        channels: of the images, any number.
        width: channels of the features.
        norm: see values of 0 to 255 less the mean colour of DIV2K, as published; for other than three channels less
            its mean, 0.43. False takes images as they are.
    """

    mean: Tensor

    def __init__(self, scale: int = 4, channels: int = 3, width: int = 48, norm: bool = True) -> None:
        super().__init__()
        self.scale, self.norm = scale, norm
        self.register_buffer("mean", mean_colour(channels), persistent=False)
        if not norm:
            self.register_buffer("no_norm", torch.zeros(1))  # the name says it, in files of the community
        self.conv_1 = Conv3XC(channels, width)
        self.block_1, self.block_2, self.block_3 = (Block(width) for _ in range(3))
        self.block_4, self.block_5, self.block_6 = (Block(width) for _ in range(3))
        self.conv_cat = nn.Conv2d(4 * width, width, 1)
        self.conv_2 = Conv3XC(width, width)
        self.upsampler = nn.Sequential(nn.Conv2d(width, channels * scale**2, 3, padding=1), nn.PixelShuffle(scale))

    def forward(self, lr: Tensor) -> Tensor:
        """N C H W in [0, 1] to N C sH sW, not clipped."""
        first = x = self.conv_1((lr - self.mean) * 255 if self.norm else lr)
        x = after_one = self.block_1(x)[0]
        for block in (self.block_2, self.block_3, self.block_4, self.block_5):
            x = block(x)[0]
        x, inner = self.block_6(x)
        return self.upsampler(self.conv_cat(torch.cat([first, self.conv_2(x), after_one, inner], 1)))
