"""The colour that published networks subtract from what they see."""

import torch
from torch import Tensor

DIV2K = (0.4488, 0.4371, 0.4040)  # R, G, B, in [0, 1]: mean of DIV2K's training images, as EDSR published it


def mean_colour(channels: int) -> Tensor:
    """The mean colour of DIV2K, 1 C 1 1; for other than three channels the mean of its three, for each of them."""
    mean = torch.tensor(DIV2K)
    return (mean if channels == 3 else mean.mean().repeat(channels)).reshape(1, -1, 1, 1)
