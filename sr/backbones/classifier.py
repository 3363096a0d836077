"""A classifier of torchvision's, by name: ResNet, ConvNeXt, Swin ... for what a classifier sees."""

from pathlib import Path
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor
from torch.func import functional_call

from sr.errors import MissingError, UserError, optional, reason

from .features import IMAGENET_MEAN, IMAGENET_STD, check_layers
from .pretrained import from_file


class TorchvisionClassifier(nn.Module):
    """Frozen, from images to named activations and class logits; images are normalised as ImageNet's were.

    Its weights are buffers that no checkpoint saves.

    Args:
        name: of a classifier in `torchvision.models`: resnet50, convnext_tiny ...
        weights: a file with its state dict; otherwise torchvision fetches its default weights once, checks them
            against the hash in their name and keeps them in torch's hub cache.

    Raises:
        MissingError: torchvision is not installed, or the weights are neither in the file nor to be had.
        UserError: no such classifier, or weights of another one.

    Attributes:
        names: of the activations: those of its modules (`layer3`, `features.5`), and `logits`.
    """

    def __init__(self, name: str, weights: str | Path | None = None) -> None:
        super().__init__()
        models = optional("torchvision", f"the classifier {name} needs torchvision", "classifiers").models
        if name not in models.list_models(module=models):
            known = ", ".join(models.list_models(module=models))
            raise UserError(f"no classifier named {name} in torchvision; it has {known}")
        try:
            network = models.get_model(name, weights=None if weights is not None else "DEFAULT")
        except (OSError, RuntimeError) as error:
            raise MissingError(f"{name} could not be fetched ({reason(error)}); name a file with weights=") from error
        if weights is not None:
            try:
                network.load_state_dict(from_file(weights))
            except RuntimeError as error:
                raise UserError(f"{weights}: not torchvision's {name} ({reason(error)})") from error
        self.names = [inner for inner, _ in network.named_modules() if inner] + ["logits"]
        self.keys = list(network.state_dict())
        for i, value in enumerate(network.state_dict().values()):
            self.register_buffer(f"value{i}", value.detach().clone(), persistent=False)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, -1, 1, 1), persistent=False)
        self.shell = [network.eval().requires_grad_(False).to("meta")]  # in a list: what is in it is no part of this

    def forward(self, image: Tensor, wanted: list[str]) -> dict[str, Tensor]:
        """Activations of the `wanted` layers, by name.

        Args:
            image: N 3 H W in [0, 1].
            wanted: of `names`.

        Raises:
            UserError: a name that this network does not have.
        """
        check_layers(wanted, self.names, "this classifier")
        (network,) = self.shell
        found: dict[str, Tensor] = {}

        def keep(name: str) -> Any:
            return lambda module, inputs, output: found.__setitem__(name, output)

        hooks = [network.get_submodule(name).register_forward_hook(keep(name)) for name in wanted if name != "logits"]
        try:
            values = {key: getattr(self, f"value{i}") for i, key in enumerate(self.keys)}
            logits = functional_call(network, values, ((image - self.mean) / self.std,))
        finally:
            for hook in hooks:
                hook.remove()
        return found | ({"logits": logits} if "logits" in wanted else {})
