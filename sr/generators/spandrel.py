"""Any network that spandrel knows, by name: SwinIR, HAT, DAT, RCAN, RealPLKSR and some forty more."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from inspect import Parameter, signature
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from sr.errors import UserError, optional, reason

from .padding import padded

# What constructors call the same thing.
SCALE = {"scale", "upscale", "up_scale", "upscale_factor", "upscaling_factor"}
CHANNELS = {"in_nc", "out_nc", "num_in_ch", "num_out_ch", "in_ch", "out_ch", "in_chans", "out_chans", "in_channels",
            "out_channels", "inp_channels", "img_channel", "n_colors", "dd_in", "channels"}  # fmt: skip


class Spandrel(nn.Module):
    """A network of spandrel's, trained from nothing or from published weights; its state has spandrel's names.

    The constructor is given `scale` and `channels` under the names that its signature has for them. What comes of it
    is checked as spandrel would detect it in a file, so that any tool that uses spandrel opens the trained weights.

    Args:
        architecture: name of its class: SwinIR, HAT, RealPLKSR ...
        scale: s.
        channels: of the images; many architectures take any number, the others are refused.
        arguments: of its constructor, beside or instead of those.

    Attributes:
        bounded: tiles can be exact, as far as spandrel knows.

    Raises:
        MissingError: spandrel is not installed.
        UserError: no such name, arguments that its constructor does not take, a network of another scale or of other
            channels, or one that makes no image of one image.
    """

    def __init__(
        self, architecture: str, scale: int = 4, channels: int = 3, arguments: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.scale = scale
        spandrel = optional("spandrel", f"generator.architecture={architecture} needs spandrel", "community")
        known = architectures(spandrel)
        if architecture not in known:
            raise UserError(f"generator.architecture={architecture}: no such network; known are {', '.join(known)}")
        about, build = known[architecture]
        given, takes = dict(arguments or {}), signature(build).parameters
        if unknown := sorted(given.keys() - takes.keys()):
            raise UserError(f"generator.arguments: {architecture} does not take {', '.join(unknown)}; it takes "
                            f"{', '.join(takes)}")  # fmt: skip
        given = _sizes(takes, scale, channels) | given
        hint = f"compare generator.arguments, which are any of {', '.join(takes)}"
        try:
            with torch.device("cpu"):  # some compute with numbers while they are built, which tensors on meta lack
                self.network = build(**given)
                found = about.load(dict(self.network.state_dict()))
        except Exception as error:  # whatever a stranger's constructor makes of them
            raise UserError(f"generator.architecture={architecture} cannot be built with {given} ({reason(error)}); "
                            f"{hint}") from error  # fmt: skip
        if not isinstance(found, spandrel.ImageModelDescriptor):
            raise UserError(f"generator.architecture={architecture}: it makes no image of one image; choose another")
        made = (found.scale, found.input_channels, found.output_channels)
        if made != (scale, channels, channels):
            raise UserError(f"generator.architecture={architecture} with {given} enlarges {made[1]} channels to "
                            f"{made[2]} by {made[0]}; {channels} and {scale} are needed; {hint}")  # fmt: skip
        self.bounded = found.tiling is spandrel.ModelTiling.SUPPORTED
        self.needs = found.size_requirements
        self.call: Callable[[nn.Module, Tensor], Tensor] = found._call_fn  # a few return more than the image
        self.register_state_dict_post_hook(_without_prefix)
        self.register_load_state_dict_pre_hook(_with_prefix)

    def forward(self, lr: Tensor) -> Tensor:
        """N C H W in [0, 1] to N C sH sW, not clipped; padded inside where the network needs other sizes."""
        height, width = lr.shape[-2:]
        sr = self.call(self.network, padded(lr, *self.needs.get_padding(width, height)))
        return sr[..., : height * self.scale, : width * self.scale]


def registry(spandrel: Any) -> Any:
    """All that spandrel knows here: its own architectures, and those of spandrel_extra_arches where it is installed."""
    with suppress(ImportError):
        import_module("spandrel_extra_arches").install(ignore_duplicates=True)
    return spandrel.MAIN_REGISTRY


def architectures(spandrel: Any) -> dict[str, tuple[Any, type[nn.Module]]]:
    """Class name -> what spandrel says of the architecture, and the class."""
    found = {}
    for support in registry(spandrel).architectures():
        module = import_module(type(support.architecture).__module__)
        for name in module.__all__:
            made = getattr(module, name)
            if isinstance(made, type) and issubclass(made, nn.Module):
                found[name] = (support.architecture, made)
    return dict(sorted(found.items()))


def built_with(network: nn.Module) -> dict[str, Any]:
    """`architecture` and `arguments` that build a network of spandrel's anew, defaults left out."""
    known = architectures(import_module("spandrel"))
    takes, given = signature(type(network)).parameters, dict(network.hyperparameters)  # type: ignore[arg-type]
    arguments = {name: value for name, value in given.items() if name not in takes or value != takes[name].default}
    return {"architecture": next(n for n, (_, made) in known.items() if made is type(network)), "arguments": arguments}


def _sizes(takes: Mapping[str, Parameter], scale: int, channels: int) -> dict[str, Any]:
    """Scale and channels, for those parameters that are numbers; one is a list of scales."""
    found: dict[str, Any] = {}
    for name, parameter in takes.items():
        value = scale if name in SCALE else channels if name in CHANNELS else None
        if value is not None and (parameter.default is parameter.empty or isinstance(parameter.default, int)):
            found[name] = value
        elif name in SCALE and isinstance(parameter.default, list):
            found[name] = [value]
    return found


def _without_prefix(module: nn.Module, state: dict[str, Any], prefix: str, _: Any) -> None:
    for key in [key for key in state if key.startswith(f"{prefix}network.")]:
        state[prefix + key.removeprefix(f"{prefix}network.")] = state.pop(key)


def _with_prefix(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    for key in [key for key in state if key.startswith(prefix)]:
        state[f"{prefix}network.{key.removeprefix(prefix)}"] = state.pop(key)
