"""Images made as large as a network needs them."""

import torch.nn.functional as F
from torch import Tensor


def padded(image: Tensor, right: int, below: int) -> Tensor:
    """N C H W with so many more columns and rows: its reflection as far as that goes, then its last pixels."""
    height, width = image.shape[-2:]
    image = F.pad(image, (0, min(right, width - 1), 0, min(below, height - 1)), mode="reflect")
    if image.shape[-1] == width + right and image.shape[-2] == height + below:
        return image
    return F.pad(image, (0, width + right - image.shape[-1], 0, height + below - image.shape[-2]), mode="replicate")
